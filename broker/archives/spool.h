#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>

// Archives that a client sends whole before they are judged. Everything here blocks.
namespace broker {

inline constexpr std::uint64_t spool_max = std::uint64_t{16} << 30;     ///< bytes as sent, of all archives of a job at once

/// The host cannot keep what a client sends, as when its disk is full.
struct SpoolFailure : std::system_error {
    using std::system_error::system_error;
};

/// What a client sent, in a file without a name.
class Spool {
public:
    /// In $TMPDIR, else /var/tmp: on a disk rather than in memory. `together`: bytes of all spools of the job. Throws SpoolFailure.
    explicit Spool(std::uint64_t& together);
    Spool(std::uint64_t& together, const std::filesystem::path& directory);
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;
    ~Spool();

    /// Before `bytes` more are appended; false when those of the job would be more than spool_max.
    bool reserve(std::uint64_t bytes);
    /// Throws SpoolFailure.
    void append(std::string_view bytes);
    std::uint64_t size() const { return size_; }
    int file() const { return file_; }

    std::uint64_t unpacked_max = std::uint64_t{64} << 30;  ///< bytes that it may become

private:
    std::uint64_t& together_;
    std::uint64_t reserved_ = 0;
    int file_;
    std::uint64_t size_ = 0;
};

}  // namespace broker
