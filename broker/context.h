#pragma once

#include <archive.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "broker/io.h"
#include "rules/result.h"

// A build's context: taken in whole, read, and written anew, so that what was judged is what the engine sees.
namespace broker {

/// The file that says how to build.
struct Dockerfile {
    std::string path;  ///< within the context, cleaned: `Dockerfile`, `deploy/Dockerfile`
    std::string text;
    std::shared_ptr<archive_entry> entry;  ///< as the context has it: mode, owner, times
};

inline constexpr std::uint64_t context_max = std::uint64_t{16} << 30;   ///< bytes as sent
inline constexpr std::uint64_t expanded_max = std::uint64_t{64} << 30;  ///< bytes of the archive once expanded
inline constexpr std::size_t dockerfile_max = std::size_t{1} << 20;

/// The context as the client sent it, in a file without a name. Everything blocks: see `aside`.
class Context {
public:
    /// Throws std::system_error when no file can be made in `directory`.
    explicit Context(const std::filesystem::path& directory);
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    ~Context();

    /// Throws std::system_error, as when the disk is full.
    void append(std::string_view bytes);
    std::uint64_t size() const { return size_; }

    /// The Dockerfile at `asked` (empty: `Dockerfile`, or `dockerfile` when there is none), the last of that path. 400
    /// when the context is no archive that the engine takes (tar; plain or packed by gzip, bzip2, xz or zstd) or has no
    /// such file, 403 when it is a link.
    rules::Result<Dockerfile> find(const std::string& asked) const;

    int file() const { return file_; }

private:
    int file_;
    std::uint64_t size_ = 0;
};

/// The context as the engine gets it: a plain tar of every entry but those at the Dockerfile's path, and at its very
/// end the Dockerfile, with the bytes that were judged. An entry of the engine's tar replaces what earlier ones left at
/// its path, so neither links nor a second entry can show the builder another.
class Rewriter {
public:
    Rewriter(const Context& context, Dockerfile dockerfile);
    Rewriter(const Rewriter&) = delete;
    Rewriter& operator=(const Rewriter&) = delete;
    ~Rewriter();

    /// The next piece, 256 KiB or somewhat more; empty at the end. Blocks. Throws std::runtime_error for a broken
    /// archive.
    const std::string& next();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Runs `work`, which may block, on a thread of its own; the I/O thread goes on meanwhile. To cancel the coroutine
/// neither stops the work nor shortens the wait. Throws what `work` throws.
Task<> aside(std::function<void()> work);

/// `a/../b` as `b`, `./a` and `/a` as `a`; `..` does not lead out.
std::string clean_path(std::string_view path);

}  // namespace broker
