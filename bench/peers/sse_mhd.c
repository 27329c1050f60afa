/* SPDX-License-Identifier: MIT */
/*
 * pushmark-sse-mhd: the control for our event streams. It speaks the same
 * dialect and sends the same events, but libmicrohttpd writes them: each
 * stream is a response made from a callback, its connection is suspended
 * while there is nothing to say and resumed by a publication, as the library's
 * manual has it. What it costs more than "sse" is our write path's doing; what
 * both cost more than "ws" is the protocol's.
 *
 * One thread runs everything. A room keeps its last events; a stream that
 * falls behind by more is ended. That a client is gone is seen when its
 * connection is resumed, so one whose room is quiet stays until then.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/base/buf.h"
#include "servers/base/check.h"
#include "servers/base/list.h"
#include "servers/base/opt.h"
#include "servers/base/random.h"
#include "servers/base/version.h"
#include "servers/wire/envelope.h"
#include "servers/wire/sse.h"

#define STREAMS 32768	   /* at once */
#define LOG_EVENTS 1024	   /* a room remembers */
#define BLOCK 4096	   /* bytes asked of a stream at once */
#define BODY_MAX (1 << 20) /* bytes of a command */
#define ID_CHARS 20
#define EPOCH_CHARS 10
#define PATH "/sse"

struct options {
	const char *host;
	int64_t port;
	bool version, help;
};

static const struct opt table[] = {
	OPT_STRING("host", "ADDRESS", "numeric IPv4 address to listen on",
		   struct options, host),
	OPT_INT("port", "N", "port to listen on; 0 picks one", 0, 65535,
		struct options, port),
	OPT_FLAG("version", "print versions and exit", struct options, version),
	OPT_FLAG("help", "print this and exit", struct options, help),
	OPT_END,
};

struct room {
	struct list link;
	struct list streams;
	char *name;
	uint64_t seq;		    /* of the newest event */
	struct buf log[LOG_EVENTS]; /* event n at n % LOG_EVENTS */
};

struct hub {
	struct list rooms;
	struct list loose; /* streams without a room */
	uint64_t position;
	unsigned streams;
	char epoch[EPOCH_CHARS + 1];
	struct buf scratch, object; /* of the command at hand */
};

struct stream {
	struct list link; /* of its room, or of the hub */
	struct hub *hub;
	struct room *room; /* NULL: it publishes only */
	struct MHD_Connection *connection;
	struct buf welcome;
	uint64_t next; /* event to send, or going out; 0: the welcome */
	size_t sent;   /* bytes of it */
	bool suspended;
	char sid[ID_CHARS + 1], id[ID_CHARS + 1];
};

/* Rooms */

static struct room *find_room(struct hub *h, const char *name, size_t n)
{
	struct room *r;

	LIST_FOREACH (it, &h->rooms) {
		r = list_entry(it, struct room, link);
		if (slice_eq(slice_str(r->name), slice_of(name, n)))
			return r;
	}
	r = xcalloc(1, sizeof(*r));
	r->name = xmemdupz(name, n);
	list_init(&r->streams);
	list_append(&h->rooms, &r->link);
	for (size_t i = 0; i < LOG_EVENTS; i++)
		buf_init(&r->log[i], BUF_UNLIMITED);
	return r;
}

static struct stream *find_in(struct list *streams, const char *sid)
{
	LIST_FOREACH (it, streams) {
		struct stream *s = list_entry(it, struct stream, link);

		if (strcmp(s->sid, sid) == 0)
			return s;
	}
	return NULL;
}

/* Those that publish are mostly in no room: these come first. */
static struct stream *find_stream(struct hub *h, const char *sid)
{
	struct stream *s = find_in(&h->loose, sid);

	LIST_FOREACH (it, &h->rooms) {
		if (s)
			break;
		s = find_in(&list_entry(it, struct room, link)->streams, sid);
	}
	return s;
}

static enum err add_event(struct hub *h, struct buf *b, const char *type)
{
	char id[EPOCH_CHARS + 32];

	(void)snprintf(id, sizeof(id), "%s-%" PRIu64, h->epoch, h->position);
	return sse_add_event(b, slice_str(id), slice_str(type),
			     buf_slice(&h->object));
}

static enum err publish(struct hub *h, const struct envelope *e,
			const struct stream *from, uint64_t *seq)
{
	struct room *r = find_room(h, e->room.p, e->room.n);
	struct buf *event = &r->log[(r->seq + 1) % LOG_EVENTS];
	enum err err;

	h->position++;
	*seq = ++r->seq;
	buf_clear(&h->object);
	buf_clear(event);
	err = envelope_add_message(&h->object, e->room, e->event, e->data,
				   slice_str(from->id), *seq, h->position);
	if (!err)
		err = add_event(h, event, "message");
	LIST_FOREACH (it, &r->streams) {
		struct stream *s = list_entry(it, struct stream, link);

		if (s->suspended) {
			s->suspended = false;
			MHD_resume_connection(s->connection);
		}
	}
	return err;
}

/* Streams */

/* The text going out; empty when there is nothing to say. */
static struct slice current(const struct stream *s)
{
	if (s->next == 0)
		return buf_slice(&s->welcome);
	if (!s->room || s->next > s->room->seq)
		return slice_of(NULL, 0);
	return buf_slice(&s->room->log[s->next % LOG_EVENTS]);
}

static bool is_behind(const struct stream *s)
{
	return s->room && s->next > 0 && s->next + LOG_EVENTS <= s->room->seq;
}

static void advance(struct stream *s)
{
	s->sent = 0;
	if (s->next > 0) {
		s->next++;
		return;
	}
	/* Events since it joined come after the welcome. */
	s->next = s->room ? s->room->seq + 1 : 1;
	buf_release(&s->welcome);
}

static ssize_t read_stream(void *arg, uint64_t at, char *into, size_t max)
{
	struct stream *s = arg;
	size_t wrote = 0;

	(void)at;
	if (is_behind(s))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	while (wrote < max) {
		struct slice rest = slice_after(current(s), s->sent);
		size_t n = rest.n < max - wrote ? rest.n : max - wrote;

		if (n == 0)
			break;
		memcpy(into + wrote, rest.p, n);
		wrote += n;
		s->sent += n;
		if (n == rest.n)
			advance(s);
	}
	if (wrote == 0) {
		s->suspended = true;
		MHD_suspend_connection(s->connection);
	}
	return (ssize_t)wrote;
}

static void free_stream(void *arg)
{
	struct stream *s = arg;

	list_remove(&s->link);
	s->hub->streams--;
	buf_release(&s->welcome);
	free(s);
}

static struct stream *stream_new(struct hub *h, struct MHD_Connection *c)
{
	const char *name =
		MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "room");
	struct stream *s = xcalloc(1, sizeof(*s));
	enum err e;

	s->hub = h;
	s->connection = c;
	random_id(s->sid, ID_CHARS);
	random_id(s->id, ID_CHARS);
	if (name && envelope_name_valid(slice_str(name)))
		s->room = find_room(h, name, strlen(name));
	list_init(&s->link);
	list_append(s->room ? &s->room->streams : &h->loose, &s->link);
	h->streams++;
	buf_init(&s->welcome, BLOCK);
	buf_clear(&h->object);
	e = envelope_add_welcome(&h->object, h->streams, slice_str(s->sid),
				 slice_str(s->id), slice_str(h->epoch),
				 h->position);
	if (!e)
		e = add_event(h, &s->welcome, "welcome");
	CHECK(!e);
	return s;
}

/* Requests */

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status,
			      struct slice body)
{
	struct MHD_Response *r;
	enum MHD_Result done;
	union { /* the library copies, but its argument is not const */
		const char *in;
		void *out;
	} bytes = {.in = body.n ? body.p : ""};

	r = MHD_create_response_from_buffer(body.n, bytes.out,
					    MHD_RESPMEM_MUST_COPY);
	if (!r)
		return MHD_NO;
	(void)MHD_add_response_header(r, "Content-Type", "application/json");
	done = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return done;
}

static enum MHD_Result begin_stream(struct hub *h, struct MHD_Connection *c)
{
	struct MHD_Response *r;
	struct stream *s;
	enum MHD_Result done;

	if (h->streams >= STREAMS)
		return answer(c, 503, SLICE("{\"error\":\"too many\"}"));
	s = stream_new(h, c);
	r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK,
					      read_stream, s, free_stream);
	if (!r) {
		free_stream(s);
		return MHD_NO;
	}
	(void)MHD_add_response_header(r, "Content-Type", "text/event-stream");
	(void)MHD_add_response_header(r, "Cache-Control", "no-store");
	done = MHD_queue_response(c, 200, r);
	MHD_destroy_response(r);
	return done;
}

/* A publication; it is all that there is. */
static enum MHD_Result execute(struct hub *h, struct MHD_Connection *c,
			       const char *sid, struct slice body)
{
	const struct stream *from = find_stream(h, sid);
	struct envelope e;
	const char *why = "publish is all there is";
	char data[64];
	uint64_t seq;
	enum err err;

	if (!from)
		return answer(c, 404, SLICE("{\"error\":\"no such session\"}"));
	err = envelope_decode(body, &h->scratch, &e, &why);
	if (!err && e.type == ENVELOPE_PUBLISH)
		err = publish(h, &e, from, &seq);
	else
		err = ERR_USAGE;
	buf_clear(&h->object);
	if (err) {
		err = envelope_add_error(&h->object, SLICE(""), slice_str(why));
		return err ? MHD_NO : answer(c, 400, buf_slice(&h->object));
	}
	if (!e.has_id)
		return answer(c, 204, SLICE(""));
	(void)snprintf(data, sizeof(data), "{\"seq\":%" PRIu64 "}", seq);
	err = envelope_add_ack(&h->object, e.id, slice_str(data));
	return err ? MHD_NO : answer(c, 200, buf_slice(&h->object));
}

/* libmicrohttpd calls it for the head, for each piece and for the end. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *c,
				  const char *url, const char *method,
				  const char *version, const char *piece,
				  size_t *piece_size,
				  void **request) /* NOLINT(*-non-const-*) */
{
	struct hub *h = arg;
	struct buf *body = *request;
	enum err e;

	(void)version;
	if (strcmp(method, "GET") == 0 && strcmp(url, PATH) == 0)
		return begin_stream(h, c);
	if (strcmp(method, "POST") != 0 ||
	    strncmp(url, PATH "/", sizeof(PATH)) != 0)
		return answer(c, 404, SLICE("{\"error\":\"not found\"}"));
	if (!body) {
		body = xcalloc(1, sizeof(*body));
		buf_init(body, BODY_MAX);
		*request = body;
		return MHD_YES;
	}
	if (*piece_size == 0)
		return execute(h, c, url + sizeof(PATH), buf_slice(body));
	e = buf_add(body, piece, *piece_size);
	*piece_size = 0;
	return e ? MHD_NO : MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *c, void **request,
			 enum MHD_RequestTerminationCode code)
{
	struct buf *body = *request;

	(void)arg;
	(void)c;
	(void)code;
	if (!body)
		return;
	buf_release(body);
	free(body);
	*request = NULL;
}

/* The program */

static struct MHD_Daemon *listen_on(struct hub *h, const struct options *o)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)o->port)};

	if (inet_pton(AF_INET, o->host, &at.sin_addr) != 1)
		return NULL;
	return MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
		(uint16_t)o->port, NULL, NULL, on_request, h,
		MHD_OPTION_SOCK_ADDR, &at, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)STREAMS + 64, MHD_OPTION_LISTEN_BACKLOG_SIZE, 4096U,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
		MHD_OPTION_END);
}

/* Until a signal ends the process: nothing of it has to outlive it. */
static int serve(const struct options *o)
{
	struct hub *h = xcalloc(1, sizeof(*h));
	const union MHD_DaemonInfo *port;
	struct MHD_Daemon *d;

	list_init(&h->rooms);
	list_init(&h->loose);
	random_id(h->epoch, EPOCH_CHARS);
	buf_init(&h->scratch, BODY_MAX);
	buf_init(&h->object, 2 * BODY_MAX);
	d = listen_on(h, o);
	port = d ? MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT) : NULL;
	if (port) {
		printf("listening on http://%s:%u\n", o->host,
		       (unsigned)port->port);
		(void)fflush(stdout);
		while (MHD_run_wait(d, -1) == MHD_YES)
			continue;
	}
	(void)fprintf(stderr, "pushmark-sse-mhd: %s:%d: cannot serve\n",
		      o->host, (int)o->port);
	if (d)
		MHD_stop_daemon(d);
	free(h);
	return 1;
}

int main(int argc, char **argv)
{
	struct options o = {.host = "127.0.0.1", .port = 8090};
	const struct options defaults = o;
	char message[256];
	enum err e = opt_parse_alone(table, &o, argc, argv, message,
				     sizeof(message));

	if (e) {
		(void)fprintf(stderr, "pushmark-sse-mhd: %s\n", message);
		return 2;
	}
	if (o.help) {
		puts("usage: pushmark-sse-mhd [OPTION]...\n\n"
		     "Event streams written by libmicrohttpd itself.\n");
		opt_help(table, &defaults, stdout);
		return 0;
	}
	if (o.version) {
		printf("pushmark %s, libmicrohttpd %s\n", PUSHMARK_VERSION,
		       MHD_get_version());
		return 0;
	}
	return serve(&o);
}
