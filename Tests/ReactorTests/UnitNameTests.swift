import Reactor
import Testing

@Suite("names of units and containers")
struct UnitNameTests {
    private static let digits = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    private static let pod = "3f2a1b4c-0d5e-4f60-8a7b-9c0d1e2f3a4b"
    private static let podOfSlice = "3f2a1b4c_0d5e_4f60_8a7b_9c0d1e2f3a4b"

    static let paths: [(path: String, name: String?)] = [
        ("", nil),
        ("/", nil),
        ("/system.slice", nil),
        ("/user.slice/user-1000.slice", nil),
        ("/init.scope", "init.scope"),
        ("/system.slice/payments.service", "payments.service"),
        ("/system.slice/payments.service/worker/1", "payments.service"),
        ("/system.slice/system-shop.slice/shop@eu-1.service", "shop@eu-1.service"),
        ("/system.slice/_cpu.service", "cpu.service"),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/app-mail\\x2dclient-17.scope",
            "app-mail\\x2dclient-17.scope"
        ),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service", "foo.service"),
        ("/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service"),
        ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
        ("/system.slice/docker-\(digits).scope", "docker:0123456789ab"),
        ("/docker/\(digits)", "docker:0123456789ab"),
        ("/docker/\(digits)/system.slice/inner.service", "inner.service"),
        ("/system.slice/docker.service", "docker.service"),
        ("/system.slice/docker-proxy.scope", "docker-proxy.scope"),
        ("/machine.slice/libpod-\(digits).scope/container", "podman:0123456789ab"),
        ("/system.slice/nerdctl-\(digits).scope", "containerd:0123456789ab"),
        ("/default/\(digits)", "container:0123456789ab"),
        ("/ecs/task/\(digits)", "container:0123456789ab"),
        ("/default/\(digits)0", nil),
        ("/default/\(digits.uppercased())", nil),
        ("/lxc/mail", "lxc:mail"),
        ("/lxc.payload.mail/system.slice/postfix.service", "postfix.service"),
        ("/lxc.payload.mail", "lxc:mail"),
        ("/lxc.payload.", nil),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod\(podOfSlice).slice"
                + "/cri-containerd-\(digits).scope",
            "pod:\(pod)/0123456789ab"
        ),
        (
            "/kubepods.slice/kubepods-pod\(podOfSlice).slice/crio-\(digits).scope/container",
            "pod:\(pod)/0123456789ab"
        ),
        ("/kubepods/besteffort/pod\(pod)/\(digits)", "pod:\(pod)/0123456789ab"),
        ("/kubepods/pod\(pod)", "pod:\(pod)"),
        ("/kubepods/pod0123456789abcdef0123456789abcdef", "pod:0123456789abcdef0123456789abcdef"),
        ("/kubepods.slice/kubepods-burstable.slice", nil),
        ("/kubepods", nil),
        ("/podium", nil),
        ("//system.slice//a.service/", "a.service"),
    ]

    @Test("a path tells its unit, container or pod", arguments: paths)
    func name(path: String, name: String?) {
        #expect(UnitName.of(path) == name)
    }
}
