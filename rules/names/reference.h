#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rules/result.h"

namespace rules {

/// An image reference, normalised as docker's distribution/reference does.
struct Reference {
    std::string domain;  ///< `docker.io`, `registry:5000`
    std::string path;    ///< `library/busybox`
    std::string tag;     ///< may be empty
    std::string digest;  ///< `sha256:<64 hex>`, may be empty

    std::string repository() const;        ///< familiar: `busybox`, `registry:5000/app`
    std::string familiar() const;          ///< `busybox:latest`, `busybox@sha256:...`
    std::string full() const;              ///< `docker.io/library/busybox:latest`, as BuildKit writes it: with tag and digest
    std::string familiar_tagged() const;   ///< with `:latest` when there is neither tag nor digest
    std::string held() const;              ///< as the ledger has it: without the tag when there is a digest
    bool operator==(const Reference&) const = default;
};

/// 400 `invalid reference format` as dockerd says it. A bare 64-digit hex string is not a reference.
Result<Reference> parse_reference(std::string_view text);

/// `sha256:<64 hex>` or its hex alone, in full: then the id `sha256:<64 hex>`.
std::optional<std::string> full_image_id(std::string_view text);

}  // namespace rules
