#include "broker/archives/build_context.h"

#include <gtest/gtest.h>
#include <locale.h>

#include <map>

#include "tests/broker/archives/tar_of.h"

namespace broker {
namespace {

/// A context, every entry of which has a pax header.
std::string context_of(const std::vector<Entry>& entries, Filter filter = ::archive_write_add_filter_none)
{
    return tar_of(entries, filter, ::archive_write_set_format_pax);
}

struct Read {
    std::vector<std::string> names;
    std::map<std::string, std::string> data, links;
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
        if (const char* target = ::archive_entry_symlink(entry)) read.links[name] = target;
        read.mtime = ::archive_entry_mtime(entry);
        read.mode = static_cast<int>(::archive_entry_perm(entry));
    }
    ::archive_read_free(tar);
    return read;
}

class ContextTest : public testing::Test {
protected:
    static Read read_tar(const std::string& bytes)
    {
        const RawNames names;
        return broker::read_tar(bytes);
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
    append(context_of({{"./a/../Dockerfile", "one"}, {"d/Other", "two"}}));
    EXPECT_EQ(find()->text, "one");
    EXPECT_EQ(find("./Dockerfile")->path, "Dockerfile");
    EXPECT_EQ(find("/d/x/../Other")->text, "two");
    EXPECT_EQ(find("missing").error().message, "Cannot locate specified Dockerfile: missing");
}

TEST_F(ContextTest, TheLowerCaseNameIsTakenOnlyWithoutTheOther)
{
    append(context_of({{"dockerfile", "lower"}}));
    EXPECT_EQ(find()->path, "dockerfile");
    EXPECT_EQ(find("Dockerfile")->text, "lower");
}

TEST_F(ContextTest, TheLastEntryOfAPathCounts)
{
    append(context_of({{"Dockerfile", "first"}, {"dockerfile", "lower"}, {"./Dockerfile", "last"}, {"x", "y"}}));
    EXPECT_EQ(find()->text, "last");
    const Read read = read_tar(rewritten());
    EXPECT_EQ(read.names, (std::vector<std::string>{"dockerfile", "x", "Dockerfile"}));
    EXPECT_EQ(read.data.at("Dockerfile"), "last");
    EXPECT_EQ(read.mtime, 1234);
    EXPECT_EQ(read.mode, 0640);
}

TEST_F(ContextTest, ALinkIsNoDockerfile)
{
    append(context_of({{"real", "FROM x"}, {"Dockerfile", "", "real"}}));
    const auto found = find();
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().status, 403);
    EXPECT_EQ(found.error().rule, "dockerfile");
}

TEST_F(ContextTest, PackedContextsAreUnpacked)
{
    append(context_of({{"Dockerfile", "FROM x"}, {"f", "data"}}, ::archive_write_add_filter_gzip));
    EXPECT_EQ(find()->text, "FROM x");
    EXPECT_EQ(read_tar(rewritten()).data.at("f"), "data");
}

TEST_F(ContextTest, NamesBeyondAsciiLongOnesAndOddOnesComeThrough)
{
    const std::vector<std::string> names = {"gr\xC3\xBC\xC3\x9F", std::string(300, 'x'), "new\nline"};
    std::vector<Entry> entries;
    for (const std::string& each : names) entries.push_back({each, "1"});
    entries.push_back({"Dockerfile", "FROM x"});
    append(context_of(entries));
    Read read = read_tar(rewritten());
    read.names.pop_back();
    EXPECT_EQ(read.names, names);
}

TEST_F(ContextTest, NamesComeThroughAsTheyAreWritten)
{
    // Decomposed and composed, for which libarchive has one spelling, and what is no UTF-8.
    const std::vector<std::string> names = {"e\xCC\x81", "\xC3\xA9", "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", "\xFF"};
    std::vector<Entry> entries;
    for (const std::string& each : names) entries.push_back({each, each});
    entries.push_back({"link", "", names[0]});
    entries.push_back({"d/" + names[0], "FROM x"});
    const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    const locale_t before = ::uselocale(utf8);  // names are written as UTF-8, as clients do
    append(tar_of(entries));
    const std::string path = "d/" + names[0];
    const Read read = read_tar(rewritten(path));
    EXPECT_EQ(find(path)->path, path);
    ::uselocale(before);
    ::freelocale(utf8);
    for (const std::string& each : names) EXPECT_EQ(read.data.at(each), each);
    EXPECT_EQ(read.links.at("link"), names[0]);
}

TEST_F(ContextTest, ALargeContextComesInSmallPieces)
{
    std::string large(20 << 20, '\0');
    for (std::size_t at = 0; at < large.size(); at += 97) large[at] = static_cast<char>(at);
    append(context_of({{"large", large}, {"Dockerfile", "FROM x"}}));
    EXPECT_EQ(read_tar(rewritten()).data.at("large"), large);
    EXPECT_LE(largest_, std::size_t{512} << 10);
}

/// A header as GNU tar writes one: of type S for a file of `hole` bytes that takes none.
std::string gnu_header(char type, std::uint64_t hole = 0)
{
    std::string header(512, '\0');
    header.replace(0, 4, "hole");
    std::snprintf(header.data() + 100, 8, "%07o", 0644U);
    for (const std::size_t at : {124, 136}) header.replace(at, 11, "00000000000");
    for (const std::size_t at : {386, 483}) std::snprintf(header.data() + at, 12, "%011llo", static_cast<unsigned long long>(hole));
    header.replace(398, 11, "00000000000");
    header[156] = type;
    header.replace(257, 7, "ustar  ");
    header.replace(148, 8, 8, ' ');
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    std::snprintf(header.data() + 148, 8, "%06o", sum);
    return header;
}

TEST_F(ContextTest, AFileThatIsOneHoleComesInSmallPieces)
{
    constexpr std::size_t hole = std::size_t{8} << 20;
    append(gnu_header('S', hole) + tar_of({{"Dockerfile", "FROM x"}}));
    EXPECT_EQ(read_tar(rewritten()).data.at("hole"), std::string(hole, '\0'));
    EXPECT_LT(largest_, 1U << 20);
}

TEST_F(ContextTest, ALinkWithoutATargetIsABadRequest)
{
    // An empty file in its place would be another archive.
    for (const char type : {'1', '2'}) {
        Spool spool(together_, testing::TempDir());
        spool.append(tar_of({{"link", "", "x"}}).substr(0, 512) + gnu_header(type) + tar_of({{"Dockerfile", "FROM x"}}));
        const auto found = find_dockerfile(spool, "");
        ASSERT_FALSE(found);
        EXPECT_EQ(found.error().status, 400);
    }
}

TEST_F(ContextTest, WhatIsNoArchiveIsABadRequest)
{
    append("FROM busybox\n");
    EXPECT_EQ(find().error().status, 400);
}

TEST_F(ContextTest, ACutOffArchiveIsABadRequest)
{
    append(context_of({{"Dockerfile", "FROM x"}, {"large", std::string(100'000, 'x')}}).substr(0, 50'000));
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
    append(context_of({{"Dockerfile", std::string(dockerfile_max + 1, '#')}}));
    EXPECT_EQ(find().error().message, "the Dockerfile is longer than 1 MiB");
}

}  // namespace
}  // namespace broker
