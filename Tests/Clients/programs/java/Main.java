import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;

/**
 * Usage: modern1|modern2|classic SCENARIO URL [FILE]; PROXY and CA_FILE from the environment; one line of
 * JSON.
 */
public final class Main {
    public static void main(String[] argv) throws Exception {
        String path = argv.length > 3 ? argv[3] : null;
        URI proxy = URI.create(System.getenv("PROXY"));
        String result;
        try {
            switch (argv[0]) {
                case "modern1":
                    result = new Modern(HttpClient.Version.HTTP_1_1, proxy).perform(argv[1], argv[2], path);
                    break;
                case "modern2":
                    result = new Modern(HttpClient.Version.HTTP_2, proxy).perform(argv[1], argv[2], path);
                    break;
                default:
                    result = new Classic(proxy).perform(argv[1], argv[2], path);
            }
        } catch (IOException error) {
            result = "{\"error\": " + Told.quoted(error.toString()) + "}";
        }
        System.out.println(result);
        System.exit(0);
    }
}
