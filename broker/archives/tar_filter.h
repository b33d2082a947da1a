#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

/// Passes on a tar of the engine as it streams, with the text of some small files replaced. Everything else goes
/// through byte by byte. The reader is our own since libarchive pulls, and so would need a thread for each stream, and
/// has no way to give an entry's own bytes; this is pushed. Ustar and pax, as Go's archive/tar writes them: what one
/// reader could take for another archive than the next is refused. tests/fuzzing/tar_oracle.cpp holds that libarchive
/// finds the files that we find, and the same entries before and behind us.
class TarFilter {
public:
    /// The new text of `file`, one of `files`: cleaned paths, at most as long as the name in a header (100 bytes). nullopt when the old one is
    /// not what it should be.
    using View = std::function<std::optional<std::string>(std::string_view file, std::string_view text)>;

    TarFilter(std::vector<std::string_view> files, View view) : files_(std::move(files)), view_(std::move(view)) {}

    /// What goes on of the next `bytes`; valid until the following call. Throws EngineFailure for what is no such tar.
    const std::string& pass(std::string_view bytes);
    /// Throws EngineFailure when the tar stops in the middle of an entry.
    void end() const;

private:
    static constexpr std::size_t block_size = 512;
    enum class State : std::uint8_t { header, through, replaced, pax, trailer };

    void take_header();
    void replace();

    std::vector<std::string_view> files_;
    View view_;
    State state_ = State::header;
    std::string held_;        ///< of the block, the pax header or the file that is being read
    std::string pax_;         ///< a pax header with its block, until it is known what it is for
    std::string header_;      ///< of the file that is replaced
    std::string_view name_;   ///< of the same, one of files_
    std::uint64_t size_ = 0;  ///< of the file that is replaced, or of the pax records
    std::uint64_t left_ = 0;  ///< bytes of the entry that are still to come, padding included
    std::string out_;
};

}  // namespace broker
