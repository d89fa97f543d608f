public import Basics
import HTTPWire

/// What became of a user and a password.
public enum LogInVerdict: UInt8, BitwiseCopyable, Sendable {
    /// They belong together.
    case granted
    /// They do not, or nobody knows the user.
    case refused
    /// Nobody could look: too many others wait.
    case busy
}

/// What is known of a request's user and password.
enum LogInState: UInt8, BitwiseCopyable {
    /// Nothing was looked at.
    case none
    /// There are none, or none that can be read.
    case missing
    /// The shell was asked.
    case pending
    case granted, refused, busy
}

// Basic authentication (RFC 7617, RFC 9110 §11.7). The head stays with the shell, unread as it were, while a
// password is looked at, and is read again with the verdict. Proxy-Authorization ends here, as it is hop-by-hop.
extension ProxyEngine {
    /// Answer to `authenticate`.
    public mutating func authenticated(_ id: SlotID, _ verdict: LogInVerdict, now: MonotonicTime) {
        begin(now)
        guard clients.isAlive(id), clients[id].logIn == .pending else { return }
        switch verdict {
        case .granted: clients[id].logIn = .granted
        case .refused: clients[id].logIn = .refused
        case .busy: clients[id].logIn = .busy
        }
        if clients[id].phase == .head { resumeClient(id) }
    }

    /// Whether the request whose fields were read goes on, be it to its refusal; otherwise it waits for the shell.
    mutating func mayProceed(_ id: SlotID, _ bytes: Span<UInt8>) -> Bool {
        // Who does not know of a proxy cannot be asked, and who is denied need not be.
        if clients[id].interception != .none || clients[id].isDenied { return true }
        guard let credentials = readCredentials(bytes) else {
            clients[id].logIn = .missing
            return true
        }
        let number = VerifiedCredentials.number(credentials.span)
        switch clients[id].logIn {
        case .granted: verified.insert(number, now: now)
        case .refused, .busy: break
        case .none, .missing, .pending:
            guard verified.contains(number, now: now) else {
                ask(id, credentials)
                return false
            }
            clients[id].logIn = .granted
        }
        return true
    }

    private mutating func ask(_ id: SlotID, _ credentials: [UInt8]) {
        waitForRestOfHead(id, 0)
        clients[id].logIn = .pending
        pauseClient(id)
        let start = outbox.count
        outbox.append(credentials.span)
        actions.append(.authenticate(id, offset: start, count: credentials.count))
    }

    /// User and password with a colon between them; nil where there are none, or two.
    private func readCredentials(_ bytes: Span<UInt8>) -> [UInt8]? {
        guard fields.count(of: .proxyAuthorization) == 1, let field = fields.first(.proxyAuthorization) else {
            return nil
        }
        let value = String(decoding: bytes.extracting(field.value.range))
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "basic" else { return nil }
        let digits = parts[1].utf8.filter { $0 != UInt8(ascii: " ") }
        guard let credentials = Base64.decode(digits), credentials.contains(UInt8(ascii: ":")) else {
            return nil
        }
        return credentials
    }

    /// Why the request is refused; nil where user and password are right, or are not asked for.
    func logInFailure(_ id: SlotID) -> Cause? {
        if clients[id].isDenied { return nil }
        switch clients[id].logIn {
        case .granted: return nil
        case .busy: return .logInsBusy
        case .none, .missing, .pending, .refused: return .unauthenticated
        }
    }
}
