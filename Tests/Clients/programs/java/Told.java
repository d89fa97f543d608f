import java.io.FileInputStream;
import java.io.InputStream;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** What both Java clients share: trust in CA_FILE, and results as JSON. */
final class Told {
    private Told() {}

    static SSLContext trust() throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream file = new FileInputStream(System.getenv("CA_FILE"))) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    static String quoted(String text) {
        if (text == null) return "null";
        StringBuilder quoted = new StringBuilder("\"");
        for (char letter : text.toCharArray()) {
            if (letter == '"' || letter == '\\' || letter < 32) {
                quoted.append(String.format("\\u%04x", (int) letter));
            } else {
                quoted.append(letter);
            }
        }
        return quoted.append('"').toString();
    }

    static String json(int status, InputStream content, String proxyStatus) throws Exception {
        return json(status, content, proxyStatus, -1);
    }

    /** `announced` is the length that the head spoke of, -1 for none. */
    static String json(int status, InputStream content, String proxyStatus, long announced) throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        long length = 0;
        byte[] piece = new byte[65536];
        for (int count; content != null && (count = content.read(piece)) >= 0; length += count) {
            digest.update(piece, 0, count);
        }
        StringBuilder hex = new StringBuilder();
        for (byte each : digest.digest()) hex.append(String.format("%02x", each));
        return String.format(
            "{\"status\": %d, \"length\": %d, \"sha256\": \"%s\", \"proxy_status\": %s, \"announced\": %d}",
            status, length, hex, quoted(proxyStatus), announced);
    }
}
