#!/bin/sh
# A private nginx for test_http_nginx: nginx.sh FOLDER TLS_PORT CLEAR_PORT. Makes a CA and a
# certificate in FOLDER on the first call, and becomes nginx in the foreground, one process.
set -eu
dir=$1 tls=$2 clear=$3
cd "$dir"
if [ ! -f server.pem ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -keyout ca.key -out ca.pem -subj "/CN=calfleet test CA" 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -keyout server.key -out server.csr -subj "/CN=localhost" 2>/dev/null
  printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' >san
  openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
    -extfile san -out server.pem 2>/dev/null
  mkdir -p logs www
  head -c 3000000 /dev/zero >www/zeros.txt
  head -c 400000 /dev/urandom >www/noise
fi
cat >nginx.conf <<CONF
daemon off;
master_process off;
pid $dir/nginx.pid;
error_log $dir/logs/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path $dir/body;
  proxy_temp_path $dir/proxy;
  fastcgi_temp_path $dir/fastcgi;
  uwsgi_temp_path $dir/uwsgi;
  scgi_temp_path $dir/scgi;
  gzip on;
  gzip_types text/plain;
  types { text/plain txt; }
  keepalive_requests 100000;
  server {
    listen 127.0.0.1:$tls ssl http2;
    listen 127.0.0.1:$clear http2;
    ssl_certificate $dir/server.pem;
    ssl_certificate_key $dir/server.key;
    root $dir/www;
    location = /protocol { default_type application/json; return 200 "\$server_protocol"; }
    location = /slow { alias $dir/www/noise; limit_rate 100k; }
  }
}
CONF
exec nginx -p "$dir" -c "$dir/nginx.conf" -e "$dir/logs/error.log"
