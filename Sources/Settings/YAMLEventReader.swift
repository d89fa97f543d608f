import Basics
import CYAML

/// A place in a YAML text; line and column count from 1.
struct YAMLMark: Sendable, Equatable {
    var line: Int
    var column: Int

    init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    fileprivate init(_ mark: yaml_mark_t) {
        line = Int(mark.line) + 1
        column = Int(mark.column) + 1
    }
}

/// What libyaml sees next, without its memory.
struct YAMLEvent: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case streamStart, streamEnd, documentStart, documentEnd
        case alias
        case scalar(String)
        case sequenceStart, sequenceEnd, mappingStart, mappingEnd
    }

    var kind: Kind
    var mark: YAMLMark
    /// Whether the node carries an anchor or a tag, which settings have no use for.
    var isDecorated = false
}

/// Why the text is no YAML, and where.
struct YAMLSyntaxProblem: Error, Equatable {
    var problem: String
    var mark: YAMLMark
}

/// Reads a YAML text as libyaml's events, so that every node has its line and column.
///
/// A class, because libyaml's parser holds pointers into itself and must not move.
final class YAMLEventReader {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>

    /// Copies the text, which libyaml refers to as long as it parses.
    init(_ text: [UInt8]) {
        parser = .allocate(capacity: 1)
        input = .allocate(capacity: text.count)
        _ = input.initialize(from: text)
        // The only failure is that of malloc, which Swift's own allocations do not survive either.
        precondition(yaml_parser_initialize(parser) == 1, "libyaml: out of memory")
        yaml_parser_set_input_string(parser, input.baseAddress, input.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        input.deallocate()
    }

    /// The next event; not to be called after `streamEnd` or an error.
    func next() throws(YAMLSyntaxProblem) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw syntaxProblem() }
        defer { yaml_event_delete(&event) }
        let mark = YAMLMark(event.start_mark)
        switch event.type {
        case YAML_STREAM_START_EVENT: return YAMLEvent(kind: .streamStart, mark: mark)
        case YAML_DOCUMENT_START_EVENT: return YAMLEvent(kind: .documentStart, mark: mark)
        case YAML_DOCUMENT_END_EVENT: return YAMLEvent(kind: .documentEnd, mark: mark)
        case YAML_ALIAS_EVENT: return YAMLEvent(kind: .alias, mark: mark)
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            let text = String(
                decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length),
                as: UTF8.self
            )
            let decorated = scalar.anchor != nil || scalar.tag != nil
            return YAMLEvent(kind: .scalar(text), mark: mark, isDecorated: decorated)
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            return YAMLEvent(
                kind: .sequenceStart,
                mark: mark,
                isDecorated: start.anchor != nil || start.tag != nil
            )
        case YAML_SEQUENCE_END_EVENT: return YAMLEvent(kind: .sequenceEnd, mark: mark)
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            return YAMLEvent(
                kind: .mappingStart,
                mark: mark,
                isDecorated: start.anchor != nil || start.tag != nil
            )
        case YAML_MAPPING_END_EVENT: return YAMLEvent(kind: .mappingEnd, mark: mark)
        default: return YAMLEvent(kind: .streamEnd, mark: mark)
        }
    }

    private func syntaxProblem() -> YAMLSyntaxProblem {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "it cannot be read"
        let context = parser.pointee.context.map { " \(String(cString: $0))" } ?? ""
        // For bytes that are no text libyaml tells an offset instead of a line and column.
        let mark =
            parser.pointee.error == YAML_READER_ERROR
            ? mark(atOffset: parser.pointee.problem_offset) : YAMLMark(parser.pointee.problem_mark)
        return YAMLSyntaxProblem(problem: problem + context, mark: mark)
    }

    private func mark(atOffset offset: Int) -> YAMLMark {
        let before = input.prefix(offset)
        let lineStart = before.lastIndex(of: ASCII.lineFeed).map { $0 + 1 } ?? 0
        let line = before.count { $0 == ASCII.lineFeed } + 1
        // Columns count characters: continuation bytes of UTF-8 do not start one.
        let column = before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1
        return YAMLMark(line: line, column: column)
    }
}
