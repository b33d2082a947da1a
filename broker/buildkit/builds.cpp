#include "broker/buildkit/builds.h"

#include "broker/http/base64.h"
#include "broker/http2/grpc.h"
#include "rules/buildkit/messages.pb.h"
#include "rules/buildkit/methods.h"
#include "rules/json.h"

namespace broker {

JobBuilds& builds_of(const Call& call)
{
    if (!call.job.builds) call.job.builds = std::make_shared<JobBuilds>(call.services.io.get_executor());
    return *call.job.builds;
}

Task<std::string> BuildSession::credentials(std::string domain)
{
    constexpr std::size_t answer_longest = 64 * 1024;
    if (!has_credentials_ || client_.is_over()) co_return std::string();
    rules::buildkit::CredentialsRequest request;
    request.set_host(domain == "docker.io" ? "registry-1.docker.io" : domain);
    const auto stream = client_.open(grpc_request(rules::credentials_method));
    co_await write_message(*stream, request.SerializeAsString(), true);
    co_await stream->head_arrived();
    GrpcReader reader(*stream);
    const auto message = co_await reader.next(answer_longest);
    rules::buildkit::CredentialsResponse known;
    if (!message || !known.ParseFromString(*message) || known.secret().empty()) co_return std::string();
    rules::Json auth = {{"serveraddress", domain == "docker.io" ? "https://index.docker.io/v1/" : domain}};
    if (known.username().empty()) {
        auth["identitytoken"] = known.secret();
    } else {
        auth["username"] = known.username();
        auth["password"] = known.secret();
    }
    co_return to_base64url(auth.dump());
}

}  // namespace broker
