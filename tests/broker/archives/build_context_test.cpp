#include "broker/archives/build_context.h"

#include <archive_entry.h>
#include <gtest/gtest.h>
#include <locale.h>

#include <map>

namespace broker {
namespace {

struct Entry {
    std::string name;
    std::string data = {};
    std::string link = {};  ///< target of a symbolic link
};

using Filter = int (*)(archive*);

std::string tar_of(const std::vector<Entry>& entries, Filter filter = ::archive_write_add_filter_none)
{
    std::string out;
    archive* tar = ::archive_write_new();
    ::archive_write_set_format_pax(tar);
    filter(tar);
    const auto write = [](archive*, void* into, const void* bytes, std::size_t size) {
        static_cast<std::string*>(into)->append(static_cast<const char*>(bytes), size);
        return static_cast<la_ssize_t>(size);
    };
    ::archive_write_open(tar, &out, nullptr, write, nullptr);
    for (const Entry& each : entries) {
        archive_entry* entry = ::archive_entry_new();
        ::archive_entry_set_pathname(entry, each.name.c_str());
        ::archive_entry_set_filetype(entry, each.link.empty() ? AE_IFREG : AE_IFLNK);
        ::archive_entry_set_perm(entry, 0640);
        ::archive_entry_set_mtime(entry, 1234, 0);
        if (!each.link.empty()) ::archive_entry_set_symlink(entry, each.link.c_str());
        ::archive_entry_set_size(entry, static_cast<la_int64_t>(each.data.size()));
        ::archive_write_header(tar, entry);
        ::archive_write_data(tar, each.data.data(), each.data.size());
        ::archive_entry_free(entry);
    }
    ::archive_write_close(tar);
    ::archive_write_free(tar);
    return out;
}

struct Read {
    std::vector<std::string> names;
    std::map<std::string, std::string> data;
    long mtime = 0;  ///< of the last entry
    int mode = 0;
};

Read read_tar(const std::string& bytes)
{
    Read read;
    archive* tar = ::archive_read_new();
    ::archive_read_support_format_tar(tar);
    ::archive_read_open_memory(tar, bytes.data(), bytes.size());
    archive_entry* entry = nullptr;
    while (::archive_read_next_header(tar, &entry) == ARCHIVE_OK) {
        const std::string name = ::archive_entry_pathname(entry);
        std::string data(static_cast<std::size_t>(::archive_entry_size(entry)), '\0');
        if (!data.empty()) ::archive_read_data(tar, data.data(), data.size());
        read.names.push_back(name);
        read.data[name] = data;
        read.mtime = ::archive_entry_mtime(entry);
        read.mode = static_cast<int>(::archive_entry_perm(entry));
    }
    ::archive_read_free(tar);
    return read;
}

class ContextTest : public testing::Test {
protected:
    // The tests' own reading of names needs a locale that can spell them; what is tested must not.
    static Read read_tar(const std::string& bytes)
    {
        const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
        const locale_t before = ::uselocale(utf8);
        Read read = broker::read_tar(bytes);
        ::uselocale(before);
        ::freelocale(utf8);
        return read;
    }
    void append(const std::string& bytes) { context_.append(bytes); }
    rules::Result<Dockerfile> find(const std::string& path = "") { return find_dockerfile(context_, path); }
    std::string rewritten(const std::string& path = "")
    {
        ContextWriter rewriter(context_, find(path).value());
        std::string out;
        for (;;) {
            const std::string& piece = rewriter.next();
            if (piece.empty()) return out;
            largest_ = std::max(largest_, piece.size());
            out += piece;
        }
    }

    std::uint64_t together_ = 0;
    Spool context_{together_, testing::TempDir()};
    std::size_t largest_ = 0;
};

TEST_F(ContextTest, FindsTheDockerfileUnderAnySpellingOfItsPath)
{
    append(tar_of({{"./a/../Dockerfile", "one"}, {"d/Other", "two"}}));
    EXPECT_EQ(find()->text, "one");
    EXPECT_EQ(find("./Dockerfile")->path, "Dockerfile");
    EXPECT_EQ(find("/d/x/../Other")->text, "two");
    EXPECT_EQ(find("missing").error().message, "Cannot locate specified Dockerfile: missing");
}

TEST_F(ContextTest, TheLowerCaseNameIsTakenOnlyWithoutTheOther)
{
    append(tar_of({{"dockerfile", "lower"}}));
    EXPECT_EQ(find()->path, "dockerfile");
    EXPECT_EQ(find("Dockerfile")->text, "lower");
}

TEST_F(ContextTest, TheLastEntryOfAPathCounts)
{
    append(tar_of({{"Dockerfile", "first"}, {"dockerfile", "lower"}, {"./Dockerfile", "last"}, {"x", "y"}}));
    EXPECT_EQ(find()->text, "last");
    const Read read = read_tar(rewritten());
    EXPECT_EQ(read.names, (std::vector<std::string>{"dockerfile", "x", "Dockerfile"}));
    EXPECT_EQ(read.data.at("Dockerfile"), "last");
    EXPECT_EQ(read.mtime, 1234);
    EXPECT_EQ(read.mode, 0640);
}

TEST_F(ContextTest, ALinkIsNoDockerfile)
{
    append(tar_of({{"real", "FROM x"}, {"Dockerfile", "", "real"}}));
    const auto found = find();
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().status, 403);
    EXPECT_EQ(found.error().rule, "dockerfile");
}

TEST_F(ContextTest, PackedContextsAreUnpacked)
{
    append(tar_of({{"Dockerfile", "FROM x"}, {"f", "data"}}, ::archive_write_add_filter_gzip));
    EXPECT_EQ(find()->text, "FROM x");
    EXPECT_EQ(read_tar(rewritten()).data.at("f"), "data");
}

TEST_F(ContextTest, NamesBeyondAsciiLongOnesAndOddOnesComeThrough)
{
    const std::vector<std::string> names = {"gr\xC3\xBC\xC3\x9F", std::string(300, 'x'), "new\nline"};
    std::vector<Entry> entries;
    for (const std::string& each : names) entries.push_back({each, "1"});
    entries.push_back({"Dockerfile", "FROM x"});
    append(tar_of(entries));
    Read read = read_tar(rewritten());
    read.names.pop_back();
    EXPECT_EQ(read.names, names);
}

TEST_F(ContextTest, ALargeContextComesInSmallPieces)
{
    std::string large(20 << 20, '\0');
    for (std::size_t at = 0; at < large.size(); at += 97) large[at] = static_cast<char>(at);
    append(tar_of({{"large", large}, {"Dockerfile", "FROM x"}}));
    EXPECT_EQ(read_tar(rewritten()).data.at("large"), large);
    EXPECT_LE(largest_, std::size_t{512} << 10);
}

TEST_F(ContextTest, WhatIsNoArchiveIsABadRequest)
{
    append("FROM busybox\n");
    EXPECT_EQ(find().error().status, 400);
}

TEST_F(ContextTest, ACutOffArchiveIsABadRequest)
{
    append(tar_of({{"Dockerfile", "FROM x"}, {"large", std::string(100'000, 'x')}}).substr(0, 50'000));
    EXPECT_EQ(find().error().status, 400);
}

TEST_F(ContextTest, TheArchivesOfAJobAreBoundedTogether)
{
    EXPECT_TRUE(context_.reserve(spool_max - 10));
    {
        Spool second(together_, testing::TempDir());
        EXPECT_FALSE(second.reserve(11));
        EXPECT_TRUE(second.reserve(10));
        EXPECT_FALSE(context_.reserve(1));
    }
    EXPECT_TRUE(context_.reserve(10));
    std::uint64_t of_another_job = 0;
    EXPECT_TRUE(Spool(of_another_job, testing::TempDir()).reserve(spool_max));
}

TEST_F(ContextTest, ADirectoryThatIsNotThereKeepsNothing)
{
    EXPECT_THROW(Spool(together_, "/proc/none"), SpoolFailure);
}

TEST_F(ContextTest, ALongDockerfileIsABadRequest)
{
    append(tar_of({{"Dockerfile", std::string(dockerfile_max + 1, '#')}}));
    EXPECT_EQ(find().error().message, "the Dockerfile is longer than 1 MiB");
}

}  // namespace
}  // namespace broker
