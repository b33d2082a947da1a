#include "rules/bodies/parts.h"

#include "rules/names/names.h"

namespace rules {

const Json& section(const Json& holder, const char* key)
{
    static const Json nothing = Json::object();
    const auto found = holder.find(key);
    return found == holder.end() ? nothing : *found;
}

std::string text(const Json& holder, const char* key)
{
    return holder.value(key, std::string());
}

std::int64_t integer(const Json& holder, const char* key)
{
    return holder.value(key, std::int64_t{0});
}

Json own_labels(const RewriteContext& context)
{
    return {{label_job, context.job}, {label_key, context.key}, {label_profile, context.profile}};
}

void set_labels(Json& holder, const RewriteContext& context)
{
    Json labels = own_labels(context);
    for (const auto& [key, value] : section(holder, "Labels").items())
        if (!is_own_label(key)) labels[key] = value;
    holder["Labels"] = std::move(labels);
}

namespace {

constexpr Field auth_fields[] = {
    pass("username", Type::text),
    long_texts(pass("password", Type::text)),
    pass("email", Type::text),
    pass("serveraddress", Type::text),
    long_texts(pass("auth", Type::text)),
    long_texts(pass("identitytoken", Type::text)),
    long_texts(pass("registrytoken", Type::text)),
};

}  // namespace

constinit const Schema auth_schema{"AuthConfig", auth_fields};

}  // namespace rules
