#!/bin/sh
# Starts nginx with this deployment's names, ports, limits and certificate. Every setting is a
# PROXY_ variable; docs/proxy.md has the table.
set -eu
here=$(dirname "$0")
mode=${1:-run}
run=${PROXY_RUN_DIR:-/tmp/proxy}
given=${PROXY_TLS_DIR:-/run/secrets}
kept=${PROXY_STATE_DIR:-/var/lib/denguard-proxy}

say() { echo "proxy: $*" >&2; }
die() { say "$1 What to do: $2"; exit 78; }

number() { # NAME DEFAULT: a whole number above nought, or the proxy does not start
    eval "value=\${$1:-$2}"
    case $value in
        '' | 0 | *[!0-9]*) die "$1 is no whole number above 0." "correct it in .env" ;;
    esac
    echo "$value"
}

made_certificate() { # one for this host alone, kept so that a browser's exception stays good
    if [ ! -s "$kept/cert.pem" ]; then
        mkdir -p "$kept"
        command -v openssl > /dev/null || die "there is no certificate, and no openssl to make one." \
            "put the ministry's certificate into secrets/cert.pem and its key into secrets/key.pem"
        name=${PROXY_NAME:-localhost}
        case $name in *[!0-9.]*) kind=DNS ;; *) kind=IP ;; esac
        (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 825 \
            -subj "/CN=$name" -addext "subjectAltName=$kind:$name,DNS:localhost,IP:127.0.0.1" \
            -keyout "$kept/key.new" -out "$kept/cert.new" 2> /dev/null) \
            || die "a certificate for '$name' cannot be made." "correct PROXY_NAME: a host name or an address"
        mv "$kept/key.new" "$kept/key.pem"
        mv "$kept/cert.new" "$kept/cert.pem"
    fi
    say "no certificate was given: a SELF-SIGNED one of $(openssl x509 -noout -fingerprint -sha256 -in "$kept/cert.pem")" \
        "is used, and browsers warn. What to do: put the ministry's certificate into secrets/cert.pem," \
        "its key into secrets/key.pem, and restart the proxy."
}

[ "$(id -u)" != 0 ] || die "it would run as root." "start it as another user; the image does"
umask 077
mkdir -p "$run/tls"
if [ -s "$given/cert.pem" ] || [ -s "$given/key.pem" ]; then
    { [ -s "$given/cert.pem" ] && [ -s "$given/key.pem" ]; } \
        || die "of certificate and key one is missing in $given." "put both there: cert.pem (with the chain) and key.pem"
    from=$given
else
    made_certificate
    from=$kept
fi
for part in cert key; do
    cat "$from/$part.pem" > "$run/tls/$part.pem" || die "$from/$part.pem cannot be read." "make it readable: mode 0444, in a folder of root alone"
done

workers=
for address in ${PROXY_WORKERS:-}; do
    case $address in *[!0-9a-fA-F.:/]*) die "PROXY_WORKERS holds '$address', which is no address." "name addresses or networks, such as 10.0.0.5 or 10.0.0.0/24" ;; esac
    workers="$workers $address 1;"
done
https=$(number PROXY_HTTPS_PORT 443)
if [ "$https" = 443 ]; then suffix=; else suffix=:$https; fi
rate=$(number PROXY_RATE 200)
burst=$(((rate + 1) / 2)) # of which the last tenth of a second waits
set -- \
    RUN "$run" LOG "${PROXY_LOG:-/dev/stdout}" RESOLVER "${PROXY_RESOLVER:-127.0.0.11}" WORKERS "$workers" \
    HTTP_PORT "${PROXY_HTTP:-8080}" ENDPOINT_PORT "${PROXY_ENDPOINT:-4443}" \
    AIRFLOW_PORT "${PROXY_AIRFLOW:-8443}" MLFLOW_PORT "${PROXY_MLFLOW:-9443}" \
    GRAFANA_PORT "${PROXY_GRAFANA:-10443}" GRAFANA "${PROXY_TO_GRAFANA:-grafana:3000}" HTTPS_SUFFIX "$suffix" \
    SERVING "${PROXY_TO_SERVING:-serving:8000}" AIRFLOW "${PROXY_TO_AIRFLOW:-airflow-api-server:8080}" \
    MLFLOW "${PROXY_TO_MLFLOW:-mlflow:5000}" SLOW_S "$(number PROXY_SLOW_S 10)" \
    RATE "$rate" BURST "$burst" PROMPT "$((burst - rate / 10))" ADDRESS "$(number PROXY_AT_ONCE_ADDRESS 32)" \
    UI_ADDRESS "$(number PROXY_UI_AT_ONCE_ADDRESS 64)" ALL "$(number PROXY_AT_ONCE 64)" \
    BODY "$(number PROXY_BODY_MB 9)m" LARGE "$(number PROXY_LARGE_AT_ONCE 8)"
script=
while [ $# -gt 0 ]; do
    script="$script;s|@$1@|$2|g"
    shift 2
done
for file in nginx security proxied problems; do
    sed -e "${script#;}" "$here/$file.conf" > "$run/$file.conf"
done
nginx=${PROXY_NGINX:-nginx}
"$nginx" -t -q -p "$run" -c "$run/nginx.conf" || die "nginx refuses its configuration; the line above says why." "correct the PROXY_ setting or the certificate that it names"
if [ "$mode" = check ]; then exit 0; fi
exec "$nginx" -p "$run" -c "$run/nginx.conf" -g "daemon off;"
