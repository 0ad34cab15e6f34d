#!/bin/sh
# Makes the files of this directory, with OpenSSL 3.0 and keytool of Java 17. Run it in an
# empty directory. Their only key protects nothing.
set -e
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj "/CN=Test Root" -days 20000 -addext keyUsage=critical,keyCertSign 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout int.key -out int.csr -subj "/CN=Test Intermediate" 2>/dev/null
printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n' > int.ext
openssl x509 -req -in int.csr -CA ca.pem -CAkey ca.key -days 20000 -extfile int.ext -out int.pem 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -out leaf.csr -subj "/CN=leaf.test" 2>/dev/null
printf 'basicConstraints=CA:FALSE\nsubjectAltName=DNS:leaf.test\n' > leaf.ext
openssl x509 -req -in leaf.csr -CA int.pem -CAkey int.key -days 20000 -extfile leaf.ext -out leaf.pem 2>/dev/null
cat leaf.pem int.pem > chain.pem
cat int.pem ca.pem > cas.pem
openssl x509 -in leaf.pem -outform DER -out leaf.der
openssl crl2pkcs7 -nocrl -certfile chain.pem -certfile ca.pem -outform DER -out chain.p7b
openssl crl2pkcs7 -nocrl -certfile chain.pem -certfile ca.pem -outform PEM -out chain.p7b.pem
openssl x509 -in leaf.pem -trustout -addtrust serverAuth -out trusted.pem
P="-inkey leaf.key -in leaf.pem -certfile cas.pem -passout pass:secret"
openssl pkcs12 -export $P -out openssl3.p12
openssl pkcs12 -export $P -legacy -out legacy.p12
openssl pkcs12 -export $P -legacy -certpbe PBE-SHA1-RC2-128 -out rc2-128.p12
openssl pkcs12 -export $P -legacy -certpbe PBE-SHA1-3DES -out 3des.p12
openssl pkcs12 -export $P -legacy -certpbe PBE-SHA1-2DES -out 2des.p12
openssl pkcs12 -export $P -certpbe AES-128-CBC -out aes128.p12
openssl pkcs12 -export $P -certpbe NONE -out plain.p12
openssl pkcs12 -export -nokeys -in cas.pem -passout pass:secret -out nokeys.p12
openssl pkcs12 -export -inkey leaf.key -in leaf.pem -certfile cas.pem -passout pass: -out empty.p12
keytool -importcert -noprompt -file ca.pem -alias root -keystore truststore.jks -storetype JKS -storepass changeit 2>/dev/null
keytool -importcert -noprompt -file int.pem -alias int -keystore truststore.jks -storetype JKS -storepass changeit 2>/dev/null
keytool -importkeystore -srckeystore openssl3.p12 -srcstoretype PKCS12 -srcstorepass secret -destkeystore keystore.jks -deststoretype JKS -deststorepass secret -noprompt 2>/dev/null
keytool -importkeystore -srckeystore openssl3.p12 -srcstoretype PKCS12 -srcstorepass secret -destkeystore keystore.jceks -deststoretype JCEKS -deststorepass secret -noprompt 2>/dev/null
keytool -importcert -noprompt -file ca.pem -alias root -keystore truststore.p12 -storetype PKCS12 -storepass changeit 2>/dev/null
keytool -importcert -noprompt -file int.pem -alias int -keystore truststore.p12 -storetype PKCS12 -storepass changeit 2>/dev/null
keytool -genkeypair -alias one -dname CN=one -keyalg EC -groupname secp256r1 -validity 20000 -ext bc=ca:false -keystore two-keys.p12 -storetype PKCS12 -storepass secret 2>/dev/null
keytool -genkeypair -alias two -dname CN=two -keyalg EC -groupname secp256r1 -validity 20000 -ext bc=ca:false -keystore two-keys.p12 -storetype PKCS12 -storepass secret 2>/dev/null
keytool -importcert -noprompt -file ca.pem -alias root -keystore two-keys.p12 -storepass secret 2>/dev/null
cat > kubeconfig <<Y
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: $(base64 -w0 ca.pem)
    server: https://10.0.0.1:6443
  name: one
- cluster:
    # certificate-authority-data: not this
    certificate-authority-data: $(base64 -w0 ca.pem)
  name: two
contexts: []
users:
- name: admin
  user:
    client-certificate-data: $(base64 -w0 leaf.pem)
    client-key-data: $(base64 -w0 leaf.key)
Y
cat chain.pem leaf.key > with-key.pem
openssl ecparam -genkey -name prime256v1 -noout -out other.key
cat chain.pem other.key > other-key.pem
rm -f *.csr *.ext *.key
