import FuzzTargets
import Glibc

// The one place where the fuzzer's pointer is touched: libFuzzer calls a C function with the bytes of one
// input, which are valid for the call and copied at once.

/// The target that WEIR_FUZZ_TARGET names, looked up once.
private let target: FuzzTarget = {
    let name = getenv("WEIR_FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        fatalError("WEIR_FUZZ_TARGET is none of \(FuzzTarget.allCases.map(\.rawValue))")
    }
    return target
}()

/// What libFuzzer calls; traps where a property does not hold.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = [UInt8](UnsafeBufferPointer(start: start, count: count))
    if let violation = target.violation(input) { fatalError("\(target.rawValue): \(violation)") }
    return 0
}
