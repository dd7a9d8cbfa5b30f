#!/bin/sh
# link.sh server | client HOST:PORT: both ends of the way by which a second host's workers reach this one
# (docs/second-host.md). One TLS port; both ends show the certificate of secrets/link.pem and take no other.
# The name that the client asks for says which service is meant, so no worker needs another address.
set -eu
run=/tmp/link pem=/run/secrets/link.pem
services="redis:6379 postgres:5432 s3:8333 mlflow:5000 airflow-api-server:8080"

die() { echo "link: $1 What to do: $2" >&2; exit 78; }
[ -s "$pem" ] || die "secrets/link.pem is empty." "docker compose -f deploy/init.yml run --rm init makes it on the first host; copy it to the second"
mode=${1:-}
umask 077
mkdir -p "$run"
{
    cat <<CONF
include /etc/nginx/modules-enabled/*stream*.conf; # Debian's nginx has it as a module
pid $run/nginx.pid;
error_log stderr warn;
worker_processes 1;
events { worker_connections 2048; }
stream {
    log_format plain '\$time_iso8601 \$remote_addr \$link_to \$status \$bytes_sent \$bytes_received \$session_time';
    access_log /dev/stdout plain;
    proxy_connect_timeout 5s;
    proxy_timeout 12h; # a pool's connection rests for long
    proxy_socket_keepalive on;
CONF
    case $mode in
        server)
            echo "map \$ssl_server_name \$link_to { default 127.0.0.1:1;"
            for one in $services; do echo "${one%:*} $one;"; done
            cat <<CONF
}
    resolver 127.0.0.11 valid=5s ipv6=off;
    server {
        listen 7443 ssl so_keepalive=on;
        ssl_certificate $pem;
        ssl_certificate_key $pem;
        ssl_client_certificate $pem;
        ssl_verify_client on;
        ssl_protocols TLSv1.3;
        ssl_session_tickets off;
        proxy_pass \$link_to;
    }
}
CONF
            ;;
        client)
            case ${2:-} in ?*:[0-9]*) ;; *) die "FIRST_HOST does not name host and port." "write FIRST_HOST=denguard.example.org:7443 into .env" ;; esac
            cat <<CONF
    map \$server_port \$link_to { default \$server_port; }
    proxy_ssl on;
    proxy_ssl_certificate $pem;
    proxy_ssl_certificate_key $pem;
    proxy_ssl_trusted_certificate $pem;
    proxy_ssl_verify on;
    proxy_ssl_server_name on;
    proxy_ssl_protocols TLSv1.3;
CONF
            for one in $services; do
                echo "server { listen ${one#*:} so_keepalive=on; proxy_ssl_name ${one%:*}; proxy_pass $2; }"
            done
            echo "}"
            ;;
        *) die "link.sh is called with '$mode'." "server, or client HOST:PORT" ;;
    esac
} > "$run/nginx.conf"
exec nginx -c "$run/nginx.conf" -g "daemon off;"
