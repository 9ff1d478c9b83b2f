import Jobs
import Schedule

extension CronFiles {
    /// A CronJob for each job, the scheduler, a Deployment of workers, and a Job that works until nothing is due.
    func kubernetes() throws(CronFilesError) -> String {
        var owners: [String: String] = [:]
        for job in jobs where Self.kubernetesObstacle(job) == nil {
            let name = Self.kubernetesName(job)
            if let other = owners.updateValue(job.name, forKey: name) {
                throw .oneName(jobs: [other, job.name], name: name)
            }
        }
        var documents = jobs.map(cronJob)
        documents.append(
            deployment(
                "trueup-schedule", replicas: 1, ["schedule", "--jobs", directory], "the scheduler, instead of CronJobs")
        )
        documents.append(
            deployment("trueup-work", replicas: 2, ["work", "--jobs", directory], "more workers for the scheduler"))
        documents.append(queueJob)
        return Self.header + "kubernetes\n" + documents.joined(separator: "---\n")
    }

    /// <https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/cron-job-v1/>
    private func cronJob(_ job: JobDefinition) -> String {
        guard let fields = Self.kubernetesFields(job) else {
            return "# \(job.name) is not here: \(Self.kubernetesObstacle(job) ?? "").\n"
        }
        let remarks = Self.remarks(job, for: .kubernetes).map { "\n" + $0 }.joined()
        return """
            # \(job.name): \(Self.plain(job.description))\(remarks)
            apiVersion: batch/v1
            kind: CronJob
            metadata:
              name: \(Self.kubernetesName(job))
              labels: {app.kubernetes.io/name: trueup, trueup/job: \(Self.quoted(Self.trimmed(job.name)))}
            spec:
              schedule: \(Self.quoted(fields))
              timeZone: \(Self.quoted(job.timeZone))
              concurrencyPolicy: Forbid
              startingDeadlineSeconds: \(max(10, job.startDeadlineSeconds))
              successfulJobsHistoryLimit: 3
              failedJobsHistoryLimit: 3
              jobTemplate:
                spec:
                  # A run stops itself after its timeout; this ends what is frozen.
                  activeDeadlineSeconds: \(Self.deadlineSeconds(job))
                  backoffLimit: \(job.retry.attempts - 1)
                  # 2: differences remain open; 75: it runs already; both are no reason to try again.
                  podFailurePolicy:
                    rules:
                      - action: FailJob
                        onExitCodes: {containerName: trueup, operator: In, values: [2, 64, 75]}
                  template:
            \(runPod(job))

            """
    }

    /// Of all attempts, each with its timeout, and with what the start of a pod and the pause before it may take. Were
    /// it the timeout alone, the pod would be ended first, and nobody told why.
    private static func deadlineSeconds(_ job: JobDefinition) -> Int64 {
        Int64(job.retry.attempts) * (job.timeoutSeconds + 600)
    }

    private func deployment(_ name: String, replicas: Int, _ arguments: [String], _ what: String) -> String {
        """
        # \(name): \(what)
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: \(name)
          labels: {app.kubernetes.io/name: trueup}
        spec:
          replicas: \(replicas)
          selector:
            matchLabels: {app.kubernetes.io/component: \(name)}
          template:
            metadata:
              labels: {app.kubernetes.io/name: trueup, app.kubernetes.io/component: \(name)}
        \(pod(arguments, restart: "Always", indent: 4))

        """
    }

    /// The database is the queue: each pod takes what is due and ends when nothing is
    /// (<https://kubernetes.io/docs/concepts/workloads/controllers/job/#parallel-jobs>).
    private var queueJob: String {
        """
        # trueup-queue: three workers that end when nothing is due
        apiVersion: batch/v1
        kind: Job
        metadata:
          name: trueup-queue
          labels: {app.kubernetes.io/name: trueup}
        spec:
          parallelism: 3
          backoffLimit: 6
          template:
        \(pod(["work", "--until-empty", "--jobs", directory], restart: "Never", indent: 4))

        """
    }

    /// Where a run in a pod writes a plan that waits for approval.
    private static let plans = "/var/lib/trueup/plans"

    private func runPod(_ job: JobDefinition) -> String {
        pod(
            ["run", "--quiet", "--jobs", directory, "--plans", Self.plans, job.name], restart: "Never", indent: 8,
            writesPlans: true)
    }

    private func pod(_ arguments: [String], restart: String, indent: Int, writesPlans: Bool = false) -> String {
        let space = String(repeating: " ", count: indent)
        var lines = [
            "spec:", "  restartPolicy: \(restart)", "  terminationGracePeriodSeconds: 15",
            "  securityContext: {runAsNonRoot: true, runAsUser: 65532}", "  containers:", "    - name: trueup",
            "      image: \(Self.quoted(image))",
            "      args: [\(arguments.map(Self.argument).joined(separator: ", "))]",
            "      envFrom:", "        - secretRef: {name: trueup}", "      volumeMounts:",
            "        - {name: jobs, mountPath: \(Self.quoted(directory)), readOnly: true}",
        ]
        if writesPlans { lines.append("        - {name: plans, mountPath: \(Self.quoted(Self.plans))}") }
        lines += ["  volumes:", "    - name: jobs", "      configMap: {name: trueup-jobs}"]
        if writesPlans {
            lines += [
                "    # A plan goes with its pod, and trueup run JOB --plan makes it anew. To keep it, name a",
                "    # claim here that pods of several nodes may write at once.", "    - name: plans",
                "      emptyDir: {}",
            ]
        }
        return lines.map { space + $0 }.joined(separator: "\n")
    }

    /// An argument of a container, in which `$(NAME)` would be the value of a variable, and `$$` is one `$`
    /// (<https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container>).
    private static func argument(_ text: String) -> String { quoted(replaced(text) { $0 == "$" ? "$$" : nil }) }

    /// A YAML text in double quotes.
    static func quoted(_ text: String) -> String {
        "\"" + replaced(plain(text)) { $0 == "\\" || $0 == "\"" ? "\\\($0)" : nil } + "\""
    }
}
