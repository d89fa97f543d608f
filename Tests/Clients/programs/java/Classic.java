import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.HttpsURLConnection;

/** java.net.HttpURLConnection: blocking, with a pool that nobody sees. */
final class Classic {
    private final Proxy proxy;

    Classic(URI proxy) throws Exception {
        this.proxy = new Proxy(Proxy.Type.HTTP, new InetSocketAddress(proxy.getHost(), proxy.getPort()));
        HttpsURLConnection.setDefaultSSLSocketFactory(Told.trust().getSocketFactory());
    }

    private HttpURLConnection open(String url) throws Exception {
        HttpURLConnection connection = (HttpURLConnection) URI.create(url).toURL().openConnection(proxy);
        connection.setReadTimeout(20000);
        return connection;
    }

    private String get(String url) throws Exception {
        HttpURLConnection connection = open(url);
        int status = connection.getResponseCode();
        InputStream content = status < 400 ? connection.getInputStream() : connection.getErrorStream();
        return Told.json(status, content, connection.getHeaderField("Proxy-Status"),
            connection.getContentLengthLong());
    }

    private String post(String url, Path path, boolean chunked, boolean expect) throws Exception {
        HttpURLConnection connection = open(url);
        connection.setRequestMethod("POST");
        connection.setDoOutput(true);
        if (expect) connection.setRequestProperty("Expect", "100-continue");
        if (chunked) {
            connection.setChunkedStreamingMode(10000);
        } else {
            connection.setFixedLengthStreamingMode(Files.size(path));
        }
        try (OutputStream body = connection.getOutputStream()) {
            Files.copy(path, body);
        }
        return new String(connection.getInputStream().readAllBytes());
    }

    private String gate(String url) throws Exception {
        InputStream content = open(url + "/gate/key").getInputStream();
        String first = new String(content.readNBytes("first half\n".length()));
        get(url + "/open/key");
        return "{\"first\": " + Told.quoted(first) + ", \"rest\": "
            + Told.quoted(new String(content.readAllBytes())) + "}";
    }

    String perform(String scenario, String url, String path) throws Exception {
        switch (scenario) {
            case "fetch": return get(url);
            case "reuse": {
                List<String> results = new ArrayList<>();
                for (int i = 0; i < 5; i++) results.add(get(url));
                return "{\"results\": " + results + "}";
            }
            case "post": return post(url, Path.of(path), false, false);
            case "expect": return post(url, Path.of(path), false, true);
            case "upload": return post(url, Path.of(path), true, false);
            case "gate": return gate(url);
            default: throw new IllegalArgumentException(scenario);
        }
    }
}
