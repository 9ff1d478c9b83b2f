import Curl
import Foundation
import Jobs
import Reports

/// A bucket that speaks S3, addressed by path: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
///
/// A report's objects are put one after the other, the manifest last: a manifest in the bucket describes what is there.
/// The same object put twice is the same object, so whatever may succeed later is tried again.
struct ReportBucket: Sendable {
    private let settings: S3Delivery
    /// By method, path, host, hash of the body, and time.
    private let signature: @Sendable (String, String, String, String, Int64) throws -> [(String, String)]
    private let http: HTTPClient
    private let endpoint: String
    /// For one object, in milliseconds.
    var timeoutMilliseconds = 60_000
    var attempts = 4
    var pauseMilliseconds = 500

    /// The largest object that is sent in one piece; S3 itself takes 5 GB.
    static let objectBytesMax: Int64 = 512 * 1024 * 1024

    init(_ settings: S3Delivery, accessKeyID: Secret, secretKey: Secret, http: HTTPClient) {
        self.settings = settings
        self.http = http
        endpoint = settings.endpoint ?? "https://s3.\(settings.region).amazonaws.com"
        signature = { method, path, host, hash, seconds in
            try S3Signature(
                accessKeyID: accessKeyID.expose(), secretKey: secretKey.expose(), region: settings.region
            ).headers(method: method, path: path, host: host, payloadHash: hash, atSeconds: seconds)
        }
    }

    /// For people.
    func address(_ folder: [String]) -> String {
        "s3://" + ([settings.bucket] + prefix + folder).joined(separator: "/")
    }

    /// The folder of an ``address(_:)``; `nil` where it is one of another bucket or prefix.
    func folder(of address: String) -> [String]? {
        let start = self.address([]) + "/"
        guard address.hasPrefix(start) else { return nil }
        return address.dropFirst(start.count).split(separator: "/").map(String.init)
    }

    private var prefix: [String] { settings.prefix.split(separator: "/").map(String.init) }

    /// Puts files of a folder into a folder of the bucket, in their order.
    func put(_ names: [String], from directory: String, folder: [String]) async throws {
        for name in names {
            let path = directory + "/" + name
            let digest = try FileDigest(path: path)
            guard digest.bytes <= Self.objectBytesMax else { throw BucketError.tooLarge(name, bytes: digest.bytes) }
            let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            guard try FileDigest.sha256(bytes) == digest.sha256 else { throw BucketError.changed(name) }
            let names = [settings.bucket] + prefix + folder + name.split(separator: "/").map(String.init)
            try await put(bytes, hash: digest.sha256, path: S3Signature.encoded(path: names), name: name)
        }
    }

    private func put(_ bytes: [UInt8], hash: String, path: String, name: String) async throws {
        var pause = pauseMilliseconds
        for attempt in 1...max(1, attempts) {
            do {
                return try await putOnce(bytes, hash: hash, path: path, name: name)
            } catch let error as BucketError where error.isTransient && attempt < attempts {
                try await Task.sleep(for: .milliseconds(pause))
            } catch let error as CurlError where error.isTransient && attempt < attempts {
                try await Task.sleep(for: .milliseconds(pause))
            }
            pause *= 2
        }
    }

    /// Asks whether the bucket is there and lets us see it, which changes nothing:
    /// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html, here as the listing of no object, whose
    /// answer has a body like any other.
    func check() async throws {
        let host = endpoint.split(separator: "/", maxSplits: 2).last.map(String.init) ?? endpoint
        let path = S3Signature.encoded(path: [settings.bucket])
        let now = Int64(Date().timeIntervalSince1970)
        let response = try await http.send(
            HTTPRequest(
                .get, url: endpoint + path,
                headers: try signature("GET", path, host, try FileDigest.sha256([]), now),
                timeoutMilliseconds: timeoutMilliseconds))
        guard response.status == 200 else { throw BucketError.refused("the question for it", status: response.status) }
    }

    private func putOnce(_ bytes: [UInt8], hash: String, path: String, name: String) async throws {
        let host = endpoint.split(separator: "/", maxSplits: 2).last.map(String.init) ?? endpoint
        // The clock is asked again for each attempt: a signature holds for 15 minutes.
        let now = Int64(Date().timeIntervalSince1970)
        let response = try await http.send(
            HTTPRequest(
                .put, url: endpoint + path, headers: try signature("PUT", path, host, hash, now), body: bytes,
                timeoutMilliseconds: timeoutMilliseconds))
        guard response.status == 200 else { throw BucketError.refused(name, status: response.status) }
    }
}

/// Why an object is not in a bucket.
enum BucketError: Error, Sendable, Hashable, CustomStringConvertible {
    case refused(String, status: Int)
    case tooLarge(String, bytes: Int64)
    case changed(String)

    var isTransient: Bool {
        guard case .refused(_, let status) = self else { return false }
        return status == 429 || status >= 500
    }

    var description: String {
        switch self {
        case .refused(let name, let status):
            "The bucket answered \(status) to \(name)"
                + (status == 403 ? ": check the access key, its rights and this machine's clock" : "")
                + (status == 404 ? ": check the bucket's name and region" : "")
        case .tooLarge(let name, let bytes): "\(name) has \(bytes) bytes, more than is sent in one piece"
        case .changed(let name): "\(name) changed while it was sent"
        }
    }
}
