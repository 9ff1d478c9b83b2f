extension CronFiles {
    /// The unit of `trueup serve`: it needs the network, its state directory, and nothing else of the machine
    /// (https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html). `MemoryDenyWriteExecute` and the
    /// system call filter fit a compiled program that starts no others.
    var serveUnit: File {
        let lines = [
            Self.header + "systemd", "[Unit]", "Description=Trueup: Webhooks, credit orders and the status page",
            "Wants=network-online.target", "After=network-online.target", "", "[Service]", "Type=exec",
            "# Behind a proxy that ends TLS and hides /metrics.",
            "ExecStart=/usr/local/bin/trueup serve --listen 127.0.0.1:8080 --jobs \(directory)",
            "Restart=always", "RestartSec=2", "TimeoutStopSec=15",
            "# Keys, signing secrets and DATABASE_URL, as NAME=value; readable by root alone.",
            "EnvironmentFile=-/etc/trueup/environment",
            "DynamicUser=yes", "StateDirectory=trueup", "WorkingDirectory=/var/lib/trueup", "UMask=0077",
            "LimitNOFILE=65536", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "AmbientCapabilities=",
            "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "PrivateDevices=yes", "ProtectClock=yes",
            "ProtectHostname=yes", "ProtectKernelLogs=yes", "ProtectKernelModules=yes", "ProtectKernelTunables=yes",
            "ProtectControlGroups=yes", "ProtectProc=invisible", "ProcSubset=pid", "RestrictNamespaces=yes",
            "RestrictRealtime=yes", "RestrictSUIDSGID=yes", "LockPersonality=yes", "MemoryDenyWriteExecute=yes",
            "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "SystemCallArchitectures=native",
            "SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @resources", "", "[Install]",
            "WantedBy=multi-user.target",
        ]
        return File(path: "systemd/trueup-serve.service", text: lines.joined(separator: "\n") + "\n")
    }
}
