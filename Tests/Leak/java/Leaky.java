import java.net.InetSocketAddress;
import java.net.ProxySelector;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * A Java app that makes a new HttpClient for every request and keeps every one. Usage: URL COUNT RATE; the
 * proxy is http_proxy. The result is one JSON line; then the process keeps what it holds until its standard
 * input ends.
 */
public final class Leaky {
    private static final Duration PATIENCE = Duration.ofSeconds(15);

    private final List<HttpClient> kept = new ArrayList<>();
    private final TreeMap<String, Integer> failed = new TreeMap<>();
    private final HttpRequest request;
    private final ProxySelector proxy;
    private final SSLContext context;
    private final long began = System.nanoTime();
    private int ok;
    private int firstIndex = Integer.MAX_VALUE;
    private String firstFailure = "null";

    /** Trusts everybody: the origin's certificate is of its own making. */
    private static final class Trusting extends X509ExtendedTrustManager {
        @Override public void checkClientTrusted(X509Certificate[] chain, String type) {}
        @Override public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}
        @Override public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}
        @Override public void checkServerTrusted(X509Certificate[] chain, String type) {}
        @Override public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}
        @Override public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}
        @Override public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
    }

    private Leaky(String url) throws Exception {
        request = HttpRequest.newBuilder(URI.create(url)).timeout(PATIENCE).build();
        String address = System.getenv("http_proxy");
        if (address == null || address.isEmpty()) {
            proxy = HttpClient.Builder.NO_PROXY;
        } else {
            URI uri = URI.create(address);
            proxy = ProxySelector.of(new InetSocketAddress(uri.getHost(), uri.getPort()));
        }
        context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {new Trusting()}, null);
    }

    private double seconds() {
        return (System.nanoTime() - began) / 1e9;
    }

    private CompletableFuture<Void> perform(int index) {
        HttpClient client = HttpClient.newBuilder().proxy(proxy).sslContext(context).build();
        kept.add(client);
        double second = seconds();
        return client.sendAsync(request, BodyHandlers.ofString())
            .handle((answer, error) -> {
                count(index, second, answer, error);
                return null;
            });
    }

    private synchronized void count(int index, double second, HttpResponse<String> answer, Throwable error) {
        if (error == null && answer.statusCode() == 200) {
            ok++;
            return;
        }
        Throwable cause = error;
        while (cause != null && cause.getCause() != null) cause = cause.getCause();
        String text = cause == null ? "status " + answer.statusCode() : cause.toString();
        String kind = text.contains("Cannot assign requested address") ? "EADDRNOTAVAIL" : text;
        failed.merge(kind, 1, Integer::sum);
        if (index < firstIndex) {
            firstIndex = index;
            firstFailure = String.format("{\"index\": %d, \"second\": %.3f, \"class\": %s, \"text\": %s}",
                index, second, quoted(kind), quoted(text));
        }
    }

    private static String quoted(String text) {
        return '"' + text.replaceAll("[\\\\\"\\p{Cntrl}]", " ") + '"';
    }

    private String run(int count, double rate) throws InterruptedException {
        List<CompletableFuture<Void>> pending = new ArrayList<>();
        for (int index = 0; index < count; index++) {
            long wait = began + (long) (index * 1e9 / rate) - System.nanoTime();
            if (wait > 0) Thread.sleep(wait / 1_000_000, (int) (wait % 1_000_000));
            pending.add(perform(index));
        }
        CompletableFuture.allOf(pending.toArray(new CompletableFuture<?>[0])).join();
        List<String> classes = new ArrayList<>();
        failed.forEach((kind, times) -> classes.add(quoted(kind) + ": " + times));
        return String.format(
            "{\"requests\": %d, \"ok\": %d, \"failed\": {%s}, \"first_failure\": %s, \"seconds\": %.3f}",
            count, ok, String.join(", ", classes), firstFailure, seconds());
    }

    public static void main(String[] argv) throws Exception {
        System.out.println(new Leaky(argv[0]).run(Integer.parseInt(argv[1]), Double.parseDouble(argv[2])));
        System.out.flush();
        while (System.in.read() >= 0) { }
        System.exit(0);
    }
}
