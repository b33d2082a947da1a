#pragma once

#include <memory>
#include <string>

#include "broker/archives/archive.h"
#include "rules/result.h"

// A build's context: taken in whole, read, and written anew, so that what was judged is what the engine sees.
namespace broker {

inline constexpr std::size_t dockerfile_max = std::size_t{1} << 20;

/// The file that says how to build.
struct Dockerfile {
    std::string path;  ///< within the context, cleaned: `Dockerfile`, `deploy/Dockerfile`
    std::string text;
    std::shared_ptr<archive_entry> entry;  ///< as the context has it: mode, owner, times
};

/// The Dockerfile at `asked` (empty: `Dockerfile`, or `dockerfile` when there is none), the last of that path. 400 when
/// the context is no archive that the engine takes (tar; plain or packed by gzip, bzip2, xz or zstd) or has no such
/// file, 403 when it is a link. Blocks.
rules::Result<Dockerfile> find_dockerfile(const Spool& context, const std::string& asked);

/// The context as the engine gets it: a plain tar of every entry but those at the Dockerfile's path, and at its very
/// end the Dockerfile, with the bytes that were judged. An entry of the engine's tar replaces what earlier ones left at
/// its path, so neither links nor a second entry can show the builder another.
class ContextWriter final : public ArchiveWriter {
public:
    ContextWriter(const Spool& context, Dockerfile dockerfile);

private:
    bool step() override;
    bool begin_next();

    ArchiveReader reader_;
    Dockerfile dockerfile_;
    ArchiveBlock bytes_{};
    bool has_data_ = false;
    bool ended_ = false;
};

}  // namespace broker
