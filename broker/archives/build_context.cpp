#include "broker/archives/build_context.h"

#include <archive_entry.h>

namespace broker {
namespace {

std::shared_ptr<archive_entry> copy_of(archive_entry* entry)
{
    return {::archive_entry_clone(entry), ::archive_entry_free};
}

/// The candidates for the Dockerfile, by path: the last entry of each, with its text.
struct Candidate {
    std::shared_ptr<archive_entry> entry;  ///< none: not seen
    std::string text;
    bool too_long = false;
};

void take(Candidate& candidate, ArchiveReader& reader, archive_entry* entry)
{
    candidate = {copy_of(entry), {}, false};
    if (!is_file(entry)) return;
    ArchiveBlock bytes{};
    while (const std::size_t size = reader.data(bytes)) {
        candidate.text.append(bytes.data(), size);
        if (candidate.text.size() <= dockerfile_max) continue;
        candidate.too_long = true;
        return;
    }
}

}  // namespace

rules::Result<Dockerfile> find_dockerfile(const Spool& context, const std::string& asked)
{
    const RawNames names;
    const std::string wanted = asked.empty() ? "Dockerfile" : clean_path(asked);
    Candidate main, lower;
    try {
        ArchiveReader reader(context);
        while (archive_entry* entry = reader.next()) {
            const std::string path = clean_path(::archive_entry_pathname(entry));
            if (path == wanted)
                take(main, reader, entry);
            else if (wanted == "Dockerfile" && path == "dockerfile")
                take(lower, reader, entry);
        }
    } catch (const BrokenArchive& broken) {
        return tl::unexpected(error_of(broken, "the build context is not a tar archive that can be read: "));
    }
    const bool fallback = !main.entry && lower.entry;
    Candidate& found = fallback ? lower : main;
    const std::string path = fallback ? "dockerfile" : wanted;
    if (!found.entry)
        return rules::bad_request("Cannot locate specified Dockerfile: " + (asked.empty() ? wanted : asked));
    if (!is_file(found.entry.get()))
        return rules::denied("dockerfile", path, "not a regular file",
                             "send it as a file: a link is named by its target, `docker build -f <target>`");
    if (found.too_long) return rules::bad_request("the Dockerfile is longer than 1 MiB");
    if (found.text.empty()) return rules::bad_request("the Dockerfile (" + path + ") cannot be empty");
    return Dockerfile{path, std::move(found.text), std::move(found.entry)};
}

ContextWriter::ContextWriter(const Spool& context, Dockerfile dockerfile)
    : reader_(context), dockerfile_(std::move(dockerfile))
{
}

bool ContextWriter::step()
{
    if (has_data_) {
        const std::size_t size = reader_.data(bytes_);
        has_data_ = size > 0;
        data({bytes_.data(), size});
        return true;
    }
    if (ended_) return false;
    if (begin_next()) return true;
    ended_ = true;
    ::archive_entry_set_pathname(dockerfile_.entry.get(), dockerfile_.path.c_str());
    file(dockerfile_.entry.get(), dockerfile_.text);
    return true;
}

/// Begins the next entry that goes on; false when none is left.
bool ContextWriter::begin_next()
{
    while (archive_entry* entry = reader_.next()) {
        if (clean_path(::archive_entry_pathname(entry)) == dockerfile_.path) continue;
        has_data_ = is_file(entry);
        ::archive_entry_sparse_clear(entry);  // holes are filled: the engine's tar knows fewer ways to write them
        if (!has_data_) ::archive_entry_set_size(entry, 0);
        begin(entry);
        return true;
    }
    return false;
}

}  // namespace broker
