#include "broker/context.h"

#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <vector>

namespace broker {
namespace {

constexpr std::size_t block = 64 * 1024;
constexpr std::size_t piece_size = 256 * 1024;

/// Threads for what blocks; they belong to the event loop, which waits for them before it is destroyed.
class Threads : public asio::execution_context::service {
public:
    using key_type = Threads;
    static inline asio::execution_context::id id;

    explicit Threads(asio::execution_context& owner) : service(owner) {}
    void shutdown() override
    {
        pool_.stop();
        pool_.join();
    }
    asio::thread_pool& pool() { return pool_; }

private:
    asio::thread_pool pool_{2};
};

/// libarchive reads names in the thread's locale, and loses those that it cannot spell there.
class Utf8 {
public:
    Utf8() : before_(::uselocale(utf8())) {}
    Utf8(const Utf8&) = delete;
    Utf8& operator=(const Utf8&) = delete;
    ~Utf8() { ::uselocale(before_); }

private:
    static locale_t utf8()
    {
        static const locale_t made = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
        return made;
    }
    locale_t before_;
};

[[noreturn]] void fail(const char* what)
{
    throw std::system_error(errno, std::generic_category(), what);
}

struct Broken : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Reads the entries of a context from its beginning.
class Reader {
public:
    explicit Reader(const Context& context) : archive_(::archive_read_new()), file_(context.file())
    {
        ::archive_read_support_format_tar(archive_);
        // Those that the engine unpacks, and only where the library itself can: not with the help of a program.
        ::archive_read_support_filter_gzip(archive_);
        ::archive_read_support_filter_bzip2(archive_);
        ::archive_read_support_filter_xz(archive_);
        ::archive_read_support_filter_zstd(archive_);
        check(::archive_read_open2(archive_, this, nullptr, &Reader::read, nullptr, nullptr));
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader() { ::archive_read_free(archive_); }

    /// The next entry, valid until the following call; nullptr at the end.
    archive_entry* next()
    {
        archive_entry* entry = nullptr;
        const int result = ::archive_read_next_header(archive_, &entry);
        if (result == ARCHIVE_EOF) return nullptr;
        check(result);
        const char* name = ::archive_entry_pathname(entry);
        if (!name || !*name) throw Broken("an entry has no readable name");
        return entry;
    }

    /// Data of the entry, holes filled; 0 at its end.
    std::size_t data(std::array<char, block>& into)
    {
        const la_ssize_t size = ::archive_read_data(archive_, into.data(), into.size());
        if (size < 0) check(static_cast<int>(size));
        return static_cast<std::size_t>(size);
    }

    std::int64_t expanded() const { return ::archive_filter_bytes(archive_, 0); }

private:
    static la_ssize_t read(archive* archive, void* self, const void** bytes)
    {
        auto& reader = *static_cast<Reader*>(self);
        const ssize_t size =
            ::pread(reader.file_, reader.buffer_.data(), reader.buffer_.size(), static_cast<off_t>(reader.offset_));
        if (size < 0) {
            ::archive_set_error(archive, errno, "%s", std::strerror(errno));
            return -1;
        }
        reader.offset_ += static_cast<std::uint64_t>(size);
        *bytes = reader.buffer_.data();
        return size;
    }

    void check(int result)
    {
        if (result == ARCHIVE_OK || result == ARCHIVE_WARN) return;
        const char* text = ::archive_error_string(archive_);
        throw Broken(text ? text : "the archive cannot be read");
    }

    archive* archive_;
    int file_;
    std::uint64_t offset_ = 0;
    std::array<char, block> buffer_{};
};

bool is_file(archive_entry* entry)
{
    return ::archive_entry_filetype(entry) == AE_IFREG && !::archive_entry_hardlink(entry) &&
           !::archive_entry_symlink(entry);
}

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

void take(Candidate& candidate, Reader& reader, archive_entry* entry)
{
    candidate = {copy_of(entry), {}, false};
    if (!is_file(entry)) return;
    std::array<char, block> bytes{};
    while (const std::size_t size = reader.data(bytes)) {
        candidate.text.append(bytes.data(), size);
        if (candidate.text.size() <= dockerfile_max) continue;
        candidate.too_long = true;
        return;
    }
}

}  // namespace

std::string clean_path(std::string_view path)
{
    std::vector<std::string_view> parts;
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        const std::string_view part = path.substr(0, end);
        path.remove_prefix(std::min(end + 1, path.size()));
        if (part == "..") {
            if (!parts.empty()) parts.pop_back();
        } else if (!part.empty() && part != ".") {
            parts.push_back(part);
        }
    }
    std::string clean;
    for (const std::string_view part : parts) clean.append(clean.empty() ? "" : "/").append(part);
    return clean;
}

Task<> aside(std::function<void()> work)
{
    const Executor executor = co_await asio::this_coro::executor;
    auto& pool = asio::use_service<Threads>(asio::query(executor, asio::execution::context)).pool();
    const auto start = [&pool, &work, executor](auto handler) {
        asio::post(pool, [work = std::move(work), guard = asio::make_work_guard(executor),
                          handler = std::move(handler)]() mutable {
            std::exception_ptr error;
            try {
                work();
            } catch (...) {
                error = std::current_exception();
            }
            asio::post(guard.get_executor(),
                       [handler = std::move(handler), error]() mutable { std::move(handler)(error); });
        });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(std::exception_ptr)>(start, use_task);
}

Context::Context(const std::filesystem::path& directory)
{
    std::string name = directory / "berth-context-XXXXXX";
    file_ = ::mkostemp(name.data(), O_CLOEXEC);
    if (file_ < 0) fail("cannot keep a build context");
    ::unlink(name.c_str());
}

Context::~Context()
{
    ::close(file_);
}

void Context::append(std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t written = ::write(file_, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail("cannot keep a build context");
        size_ += static_cast<std::uint64_t>(written);
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

rules::Result<Dockerfile> Context::find(const std::string& asked) const
{
    const Utf8 names;
    const std::string wanted = asked.empty() ? "Dockerfile" : clean_path(asked);
    Candidate main, lower;
    try {
        Reader reader(*this);
        while (archive_entry* entry = reader.next()) {
            const std::string path = clean_path(::archive_entry_pathname(entry));
            if (path == wanted)
                take(main, reader, entry);
            else if (wanted == "Dockerfile" && path == "dockerfile")
                take(lower, reader, entry);
            if (static_cast<std::uint64_t>(reader.expanded()) > expanded_max)
                return tl::unexpected(rules::Error{413, "the build context is too large", {}, {}, {}});
        }
    } catch (const Broken& broken) {
        return rules::bad_request(std::string("the build context is not a tar archive that can be read: ") +
                                  broken.what());
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

struct Rewriter::State {
    State(const Context& context, Dockerfile given)
        : reader(context), dockerfile(std::move(given)), out(::archive_write_new())
    {
        ::archive_write_set_format_pax(out);
        ::archive_write_add_filter_none(out);
        ::archive_write_set_bytes_per_block(out, 0);
        ::archive_write_open(out, this, nullptr, &State::write, nullptr);
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { ::archive_write_free(out); }

    static la_ssize_t write(archive*, void* self, const void* bytes, std::size_t size)
    {
        static_cast<State*>(self)->piece.append(static_cast<const char*>(bytes), size);
        return static_cast<la_ssize_t>(size);
    }

    void check(int result)
    {
        if (result != ARCHIVE_OK && result != ARCHIVE_WARN) throw Broken(::archive_error_string(out));
    }

    /// Begins the next entry that goes on; false when none is left.
    bool begin()
    {
        while (archive_entry* entry = reader.next()) {
            if (clean_path(::archive_entry_pathname(entry)) == dockerfile.path) continue;
            has_data = is_file(entry);
            ::archive_entry_sparse_clear(entry);  // holes are filled: the engine's tar knows fewer ways to write them
            if (!has_data) ::archive_entry_set_size(entry, 0);
            check(::archive_write_header(out, entry));
            return true;
        }
        return false;
    }

    void finish()
    {
        archive_entry* entry = dockerfile.entry.get();
        ::archive_entry_set_pathname(entry, dockerfile.path.c_str());
        ::archive_entry_sparse_clear(entry);
        ::archive_entry_set_size(entry, static_cast<la_int64_t>(dockerfile.text.size()));
        check(::archive_write_header(out, entry));
        if (::archive_write_data(out, dockerfile.text.data(), dockerfile.text.size()) !=
            static_cast<la_ssize_t>(dockerfile.text.size()))
            throw Broken("the Dockerfile cannot be written");
        check(::archive_write_close(out));
        done = true;
    }

    void step()
    {
        if (!has_data) {
            if (!begin()) finish();
            return;
        }
        const std::size_t size = reader.data(bytes);
        has_data = size > 0;
        if (size > 0 && ::archive_write_data(out, bytes.data(), size) < 0) throw Broken(::archive_error_string(out));
    }

    Reader reader;
    Dockerfile dockerfile;
    archive* out;
    std::string piece;
    std::array<char, block> bytes{};
    bool has_data = false;
    bool done = false;
};

Rewriter::Rewriter(const Context& context, Dockerfile dockerfile)
    : state_(std::make_unique<State>(context, std::move(dockerfile)))
{
}

Rewriter::~Rewriter() = default;

const std::string& Rewriter::next()
{
    const Utf8 names;
    state_->piece.clear();
    while (!state_->done && state_->piece.size() < piece_size) state_->step();
    return state_->piece;
}

}  // namespace broker
