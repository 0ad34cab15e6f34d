import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * Servers with the TLS of a Java provider: SunJSSE, or Bouncy Castle's. The first argument is the
 * provider, each other one a server:
 *
 * <pre>port=20001 cert=cert.pem,rsa-cert.pem key=key.pem,rsa-key.pem versions=TLSv1.2,TLSv1.3</pre>
 *
 * and suites, client (request or require), ca and order (server or client). What is not given is
 * the provider's default. Groups, tickets and renegotiation are system properties; -Dold=true
 * allows what java.security disables.
 */
public final class Server {
  public static void main(String[] args) throws Exception {
    if (Boolean.getBoolean("old")) {
      Security.setProperty("jdk.tls.disabledAlgorithms", "");
      Security.setProperty("jdk.tls.legacyAlgorithms", "");
    }
    if (args[0].equals("BCJSSE")) {
      Security.addProvider(provider("org.bouncycastle.jce.provider.BouncyCastleProvider"));
      Security.addProvider(provider("org.bouncycastle.jsse.provider.BouncyCastleJsseProvider"));
    }
    for (int i = 1; i < args.length; i++) {
      Map<String, String> options = new HashMap<>();
      for (String option : args[i].trim().split("\\s+")) {
        String[] pair = option.split("=", 2);
        options.put(pair[0], pair[1]);
      }
      listen(args[0], options);
    }
  }

  static Provider provider(String name) throws ReflectiveOperationException {
    return (Provider) Class.forName(name).getConstructor().newInstance();
  }

  static void listen(String provider, Map<String, String> options) throws Exception {
    SSLContext context = SSLContext.getInstance("TLS", provider);
    KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX", provider);
    keys.init(identities(options.get("cert").split(","), options.get("key").split(",")), new char[0]);
    TrustManagerFactory trust = null;
    if (options.containsKey("ca")) {
      KeyStore roots = empty();
      roots.setCertificateEntry("ca", chain(options.get("ca"))[0]);
      trust = TrustManagerFactory.getInstance("PKIX", provider);
      trust.init(roots);
    }
    context.init(keys.getKeyManagers(), trust == null ? null : trust.getTrustManagers(), null);
    SSLServerSocket listener =
        (SSLServerSocket)
            context
                .getServerSocketFactory()
                .createServerSocket(
                    Integer.parseInt(options.get("port")), 100, InetAddress.getByName("127.0.0.1"));
    SSLParameters parameters = listener.getSSLParameters();
    if (options.containsKey("versions")) parameters.setProtocols(options.get("versions").split(","));
    if (options.containsKey("suites")) parameters.setCipherSuites(options.get("suites").split(","));
    if (options.containsKey("order")) {
      parameters.setUseCipherSuitesOrder(options.get("order").equals("server"));
    }
    String client = options.getOrDefault("client", "");
    if (client.equals("request")) parameters.setWantClientAuth(true);
    if (client.equals("require")) parameters.setNeedClientAuth(true);
    listener.setSSLParameters(parameters);
    thread(
        () -> {
          while (true) {
            SSLSocket socket = (SSLSocket) listener.accept();
            thread(() -> serve(socket));
          }
        });
  }

  /** Shakes hands, and answers each request until the client has no more. */
  static void serve(SSLSocket socket) throws IOException {
    try (socket) {
      socket.setSoTimeout(30_000);
      byte[] buffer = new byte[4096];
      while (socket.getInputStream().read(buffer) > 0) {
        socket.getOutputStream().write("HTTP/1.1 204 No Content\r\n\r\n".getBytes());
      }
    }
  }

  interface Task {
    void run() throws IOException;
  }

  static void thread(Task task) {
    new Thread(
            () -> {
              try {
                task.run();
              } catch (IOException gone) {
                // So are many: the exporter asks what servers refuse.
              }
            })
        .start();
  }

  static KeyStore empty() throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    return store;
  }

  static KeyStore identities(String[] chains, String[] keys) throws Exception {
    KeyStore store = empty();
    for (int i = 0; i < chains.length; i++) {
      Certificate[] chain = chain(chains[i]);
      String text = Files.readString(Path.of(keys[i])).replaceAll("-----[A-Z ]+-----|\\s", "");
      PrivateKey key =
          KeyFactory.getInstance(chain[0].getPublicKey().getAlgorithm())
              .generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(text)));
      store.setKeyEntry("identity" + i, key, new char[0], chain);
    }
    return store;
  }

  static Certificate[] chain(String file) throws Exception {
    byte[] pem = Files.readAllBytes(Path.of(file));
    return CertificateFactory.getInstance("X.509")
        .generateCertificates(new ByteArrayInputStream(pem))
        .toArray(new Certificate[0]);
  }
}
