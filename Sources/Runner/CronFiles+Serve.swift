extension CronFiles {
    /// The unit of `trueup serve`, shut in like the others. It starts no other program, so that memory need never
    /// become executable (https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html).
    var serveUnit: File {
        service(
            "trueup-serve", "Webhooks, credit orders and the status page",
            "trueup serve --listen 127.0.0.1:8080 --jobs \(unitDirectory)",
            [
                "Type=exec", "Restart=always", "RestartSec=2", "TimeoutStopSec=15", "LimitNOFILE=65536",
                "MemoryDenyWriteExecute=yes", "ProcSubset=pid",
                "# Behind a proxy that ends TLS and hides /metrics.",
            ], isInstalled: true)
    }
}
