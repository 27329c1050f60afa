#!/bin/sh
# SPDX-License-Identifier: MIT
#
# nginx.sh nchan|cache [HOST|--version]   nginx, on a free port.
#
# Publishers: POST /publish?room=R. One worker process, since one core is what
# the other servers have.
#
# nchan: with the Nchan module, messages in its memory, as its manual has it for
# one machine. Subscribers: GET /ws, /sse and /poll?room=R.
#
# cache: the newest message of each room is a file, which stands behind a cache
# that asks for it once a second at most (nginx calls that micro-caching), for
# clients that poll GET /poll?room=R. 404 before the first message.
#
#   NGINX          the program, nginx by default
#   NCHAN_MODULE   where the module is, if not where Debian puts it

set -eu

nginx=${NGINX:-nginx}
PATH=$PATH:/usr/sbin
usage() {
	echo "usage: nginx.sh nchan|cache [HOST|--version]" >&2
	exit 2
}

what=${1:-}
case $what in nchan | cache) shift ;; *) usage ;; esac
module=${NCHAN_MODULE:-/usr/lib/nginx/modules/ngx_nchan_module.so}

if ! command -v "$nginx" >/dev/null ||
	{ [ $what = nchan ] && [ ! -e "$module" ]; }; then
	echo "nginx.sh: nginx or its Nchan module is not installed;" \
		"\`make peers\` installs them" >&2
	exit 1
fi

if [ "${1:-}" = --version ]; then
	version=$("$nginx" -v 2>&1)
	version="nginx ${version##*/}"
	if [ $what = nchan ]; then
		nchan=$(dpkg-query -W -f '${Version}' libnginx-mod-nchan \
			2>/dev/null || echo 'of unknown version')
		version="$version, nchan $nchan"
	fi
	echo "$version"
	exit 0
fi

host=${1:-127.0.0.1}

# nginx warns of more connections than there are descriptors.
connections=$(ulimit -n)
if [ "$connections" = unlimited ] || [ "$connections" -gt 32768 ]; then
	connections=32768
fi

folder=$(mktemp -d)
mkdir "$folder/rooms"
chmod 755 "$folder" # the worker may be another user
chmod 777 "$folder/rooms"
server=''
finish() {
	trap '' EXIT TERM INT
	[ -z "$server" ] || kill "$server" 2>/dev/null || :
	[ -z "$server" ] || wait "$server" || :
	rm -rf "$folder"
}
trap 'finish; exit 0' TERM INT
trap finish EXIT

load() {
	[ $what = cache ] || echo "load_module $module;"
}

serve_nchan() { # port
	cat <<-EOF
		nchan_shared_memory_size 256M;
		server {
			listen $host:$1 backlog=4096;
			nchan_message_buffer_length 1024;
			nchan_message_timeout 1m;
			nchan_subscriber_first_message newest;
			nchan_channel_id \$arg_room;
			location = /ws {
				nchan_subscriber websocket;
			}
			location = /sse {
				nchan_subscriber eventsource;
			}
			location = /poll {
				nchan_subscriber longpoll;
			}
			location = /publish {
				nchan_publisher;
			}
		}
	EOF
}

serve_cache() { # port
	cat <<-EOF
		proxy_cache_path $folder/cache keys_zone=rooms:1m
			use_temp_path=off;
		upstream origin {
			server unix:$folder/origin;
			keepalive 4;
		}
		server {
			listen $host:$1 backlog=4096;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			location = /poll {
				proxy_pass http://origin/rooms/\$arg_room;
				proxy_cache rooms;
				proxy_cache_key \$arg_room;
				proxy_cache_valid 200 404 1s;
				proxy_cache_lock on;
				proxy_cache_use_stale updating;
			}
			location = /publish {
				proxy_method PUT;
				proxy_pass http://origin/rooms/\$arg_room;
			}
		}
		server {
			listen unix:$folder/origin;
			root $folder;
			location /rooms/ {
				log_not_found off;
				dav_methods PUT;
				create_full_put_path on;
			}
		}
	EOF
}

configure() { # port
	cat >"$folder/nginx.conf" <<-EOF
		$(load)
		daemon off;
		worker_processes 1;
		pid $folder/pid;
		error_log stderr warn;
		events {
			worker_connections $connections;
		}
		http {
			access_log off;
			client_body_temp_path $folder/body;
			proxy_temp_path $folder/proxy;
			fastcgi_temp_path $folder/fastcgi;
			uwsgi_temp_path $folder/uwsgi;
			scgi_temp_path $folder/scgi;
			client_body_buffer_size 128k;
			tcp_nodelay on;
			keepalive_timeout 1h;
			keepalive_requests 1000000000;
			$(serve_$what "$1")
		}
	EOF
}

# nginx knows no port 0: numbers are tried, and one that is taken ends it.
tries=0
port=$((20000 + $$ % 10000))
while [ $tries -lt 20 ]; do
	configure $port
	"$nginx" -p "$folder" -c "$folder/nginx.conf" 2>"$folder/log" &
	server=$!
	waited=0
	while kill -0 "$server" 2>/dev/null && [ $waited -lt 200 ]; do
		if [ -s "$folder/pid" ]; then
			cat "$folder/log" >&2
			echo "listening on http://$host:$port"
			wait "$server"
			exit $?
		fi
		sleep 0.05
		waited=$((waited + 1))
	done
	wait "$server" || :
	server=''
	grep -q 'in use' "$folder/log" || break
	port=$((port + 1))
	tries=$((tries + 1))
done
cat "$folder/log" >&2
echo "nginx.sh: nginx did not start" >&2
exit 1
