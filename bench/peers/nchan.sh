#!/bin/sh
# SPDX-License-Identifier: MIT
#
# nchan.sh [HOST|--version]   nginx with the Nchan module, on a free port.
#
# Subscribers: GET /ws, /sse and /poll?room=R. Publishers: POST /publish?room=R.
# The settings are those of Nchan's manual for one machine: messages stay in the
# memory of one worker process, since one core is what the other servers have.
#
#   NGINX          the program, nginx by default
#   NCHAN_MODULE   where the module is, if not where Debian puts it

set -eu

nginx=${NGINX:-nginx}
PATH=$PATH:/usr/sbin
module=${NCHAN_MODULE:-/usr/lib/nginx/modules/ngx_nchan_module.so}

if ! command -v "$nginx" >/dev/null || [ ! -e "$module" ]; then
	echo "nchan.sh: nginx or its Nchan module is not installed;" \
		"\`make peers\` installs them" >&2
	exit 1
fi

if [ "${1:-}" = --version ]; then
	version=$("$nginx" -v 2>&1)
	nchan=$(dpkg-query -W -f '${Version}' libnginx-mod-nchan 2>/dev/null ||
		echo 'of unknown version')
	echo "nginx ${version##*/}, nchan $nchan"
	exit 0
fi

host=${1:-127.0.0.1}

# nginx warns of more connections than there are descriptors.
connections=$(ulimit -n)
if [ "$connections" = unlimited ] || [ "$connections" -gt 32768 ]; then
	connections=32768
fi

folder=$(mktemp -d)
chmod 755 "$folder" # the worker may be another user
server=''
finish() {
	trap '' EXIT TERM INT
	[ -z "$server" ] || kill "$server" 2>/dev/null || :
	[ -z "$server" ] || wait "$server" || :
	rm -rf "$folder"
}
trap 'finish; exit 0' TERM INT
trap finish EXIT

configure() { # port
	cat >"$folder/nginx.conf" <<-EOF
		load_module $module;
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
echo "nchan.sh: nginx did not start" >&2
exit 1
