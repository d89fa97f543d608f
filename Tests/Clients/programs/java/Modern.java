import java.io.FileInputStream;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** java.net.http.HttpClient. VERSION is 1 for HTTP/1.1, 2 for its default, which offers h2c and h2. */
final class Modern {
    private final HttpClient client;

    Modern(HttpClient.Version version, URI proxy) throws Exception {
        client = HttpClient.newBuilder()
            .version(version)
            .proxy(ProxySelector.of(new InetSocketAddress(proxy.getHost(), proxy.getPort())))
            .sslContext(Told.trust())
            .build();
    }

    private HttpRequest.Builder request(String url) {
        return HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(20));
    }

    private String get(String url) throws Exception {
        HttpResponse<InputStream> answer = client.send(request(url).build(), BodyHandlers.ofInputStream());
        String proxyStatus = answer.headers().firstValue("Proxy-Status").orElse(null);
        return Told.json(answer.statusCode(), answer.body(), proxyStatus);
    }

    private String post(String url, HttpRequest.BodyPublisher body, boolean expect) throws Exception {
        HttpRequest request = request(url).expectContinue(expect).POST(body).build();
        return client.send(request, BodyHandlers.ofString()).body();
    }

    private HttpRequest.BodyPublisher stream(String path) {
        return BodyPublishers.ofInputStream(() -> {
            try {
                return new FileInputStream(path);
            } catch (java.io.IOException error) {
                throw new java.io.UncheckedIOException(error);
            }
        });
    }

    private String gate(String url) throws Exception {
        InputStream content = client.send(request(url + "/gate/key").build(), BodyHandlers.ofInputStream()).body();
        String first = new String(content.readNBytes("first half\n".length()));
        get(url + "/open/key");
        return "{\"first\": " + Told.quoted(first) + ", \"rest\": "
            + Told.quoted(new String(content.readAllBytes())) + "}";
    }

    private String together(String url) throws Exception {
        List<java.util.concurrent.CompletableFuture<HttpResponse<byte[]>>> pending = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            pending.add(client.sendAsync(request(url).build(), BodyHandlers.ofByteArray()));
        }
        List<String> results = new ArrayList<>();
        for (var future : pending) {
            HttpResponse<byte[]> answer = future.get();
            results.add(Told.json(answer.statusCode(), new java.io.ByteArrayInputStream(answer.body()), null));
        }
        return "{\"results\": " + results + "}";
    }

    String perform(String scenario, String url, String path) throws Exception {
        switch (scenario) {
            case "fetch": return get(url);
            case "reuse": {
                List<String> results = new ArrayList<>();
                for (int i = 0; i < 5; i++) results.add(get(url));
                return "{\"results\": " + results + "}";
            }
            case "together": return together(url);
            case "post": return post(url, BodyPublishers.ofFile(Path.of(path)), false);
            case "expect": return post(url, BodyPublishers.ofFile(Path.of(path)), true);
            case "upload": return post(url, stream(path), false);
            case "gate": return gate(url);
            default: throw new IllegalArgumentException(scenario);
        }
    }
}
