# A program that puts a new self-signed certificate for `hostName` and its key into `folder`, as server.crt and server.key.
# Enough to show a renewal: a clinic would ask its own authority here. The new pair is complete before the first of it is
# put in place.
{ file, script }: { folder, hostName }:
let
  opensslConf = file "openssl.cnf" ''
    [req]
    prompt = no
    distinguished_name = subject
    x509_extensions = server
    [subject]
    CN = ${hostName}
    [server]
    subjectAltName = DNS:${hostName}
    extendedKeyUsage = serverAuth
  '';
in
script "renew-certificate" ''
  umask 077
  $b mkdir -p ${folder}
  cd ${folder}
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 \
    -config ${opensslConf} -keyout server.key.new -out server.crt.new 2>/dev/null
  openssl x509 -noout -checkend 86400 -in server.crt.new
  $b chmod 0644 server.crt.new
  $b mv -f server.key.new server.key
  $b mv -f server.crt.new server.crt
''
