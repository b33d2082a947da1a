#include "broker/archives/tar_filter.h"

#include <gtest/gtest.h>

#include "broker/io/io.h"
#include "tests/broker/archives/tar_of.h"

namespace broker {
namespace {

using Files = std::vector<std::pair<std::string, std::string>>;

Files files_of(const std::string& bytes)
{
    Files files;
    archive* tar = ::archive_read_new();
    ::archive_read_support_format_tar(tar);
    ::archive_read_open_memory(tar, bytes.data(), bytes.size());
    archive_entry* entry = nullptr;
    while (::archive_read_next_header(tar, &entry) == ARCHIVE_OK) {
        std::string data(static_cast<std::size_t>(::archive_entry_size(entry)), '\0');
        if (!data.empty()) {
            EXPECT_EQ(::archive_read_data(tar, data.data(), data.size()), static_cast<la_ssize_t>(data.size()));
        }
        files.emplace_back(::archive_entry_pathname(entry), data);
    }
    ::archive_read_free(tar);
    return files;
}

std::optional<std::string> longer(std::string_view file, std::string_view text)
{
    return std::string(file) + ":" + std::string(text) + std::string(600, '+');
}

std::string filtered(const std::string& bytes, std::size_t piece)
{
    TarFilter filter({"manifest.json", "repositories"}, longer);
    std::string out;
    for (std::size_t at = 0; at < bytes.size(); at += piece)
        out += filter.pass(std::string_view(bytes).substr(at, piece));
    filter.end();
    return out;
}

TEST(TarFilter, ReplacesItsFilesAndLeavesTheOthers)
{
    const std::string plus(600, '+');
    for (const bool with_pax : {false, true}) {
        const std::string long_name = "d/" + std::string(180, 'n');
        std::vector<Entry> entries = {{"d/"},
                                      {"d/manifest.json", "not this"},
                                      {long_name, std::string(5000, 'x')},
                                      {"manifest.json", "[]"},
                                      {"empty"},
                                      {"repositories"},
                                      {"last", "z"}};
        if (with_pax)
            for (Entry& each : entries) each.xattr = "y";
        const std::string bytes = tar_of(entries);
        for (const std::size_t piece :
             {bytes.size(), std::size_t{1}, std::size_t{511}, std::size_t{513}, std::size_t{4096}}) {
            const Files files = files_of(filtered(bytes, piece));
            EXPECT_EQ(files, (Files{{"d/", ""},
                                    {"d/manifest.json", "not this"},
                                    {long_name, std::string(5000, 'x')},
                                    {"manifest.json", "manifest.json:[]" + plus},
                                    {"empty", ""},
                                    {"repositories", "repositories:" + plus},
                                    {"last", "z"}}));
        }
    }
}

TEST(TarFilter, WithoutItsFilesChangesNothing)
{
    const std::string bytes = tar_of({{"a", std::string(1000, 'a'), "", "y"}, {"b/" + std::string(200, 'b'), "b", "", "y"}});
    EXPECT_EQ(filtered(bytes, 700), bytes);
}

/// An entry as it stands in a tar, and what of its header to spoil: bytes at a place, the sum being made right behind it.
struct Spoilt {
    std::size_t at = 0;
    std::string bytes = {};
    bool sum = true;
};

std::string entry(const std::string& name, char type, const std::string& data, const Spoilt& spoilt = {})
{
    std::string header(512, '\0');
    header.replace(0, name.size(), name);
    for (const std::size_t at : {100, 108, 116, 329, 337}) header.replace(at, 7, "0000000");
    header.replace(136, 11, "00000000000");
    std::snprintf(header.data() + 124, 12, "%011zo", data.size());
    header[156] = type;
    header.replace(257, 8, std::string("ustar\0" "00", 8));
    header.replace(spoilt.at, spoilt.bytes.size(), spoilt.bytes);
    header.replace(148, 8, 8, ' ');
    unsigned sum = spoilt.sum ? 0 : 1;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    std::snprintf(header.data() + 148, 8, "%06o", sum);
    return header + data + std::string((512 - data.size() % 512) % 512, '\0');
}

std::string record(const std::string& text)
{
    std::size_t length = text.size() + 3;
    while (std::to_string(length).size() + text.size() + 2 != length) ++length;
    return std::to_string(length) + " " + text + "\n";
}

std::string pax(const std::string& records)
{
    return entry("PaxHeaders/x", 'x', records);
}

const std::string end_of_tar(1024, '\0');

TEST(TarFilter, ReadsASizeFromThePaxHeader)
{
    // The block says 0, the records say 5, as for files of more than 8 GiB.
    const std::string big = pax(record("size=5")) + entry("big", '0', "") + std::string("12345").append(507, '\0');
    const std::string out = filtered(big + entry("manifest.json", '0', "") + end_of_tar, 100);
    EXPECT_NE(out.find("manifest.json:" + std::string(600, '+')), out.npos);
    EXPECT_EQ(out.substr(0, big.size()), big);
}

TEST(TarFilter, GivesAFileTheNameByWhichItWasFound)
{
    const std::string shown = "manifest.json:text" + std::string(600, '+');
    for (const std::string& tar : {pax(record("path=manifest.json")) + entry("x", '0', "text"), entry("./manifest.json", '0', "text"),
                                   entry("/manifest.json", '0', "text"), entry("manifest.json", '0', "text", {345, "."})})
        EXPECT_EQ(files_of(filtered(tar + end_of_tar, 512)), (Files{{"manifest.json", shown}}));
}

struct Refused {
    const char* name;
    std::string tar;
};

void PrintTo(const Refused& each, std::ostream* out)
{
    *out << each.name;
}

class TarIsRefused : public testing::TestWithParam<Refused> {};

TEST_P(TarIsRefused, WhereReadersCouldSeeAnotherArchive)
{
    EXPECT_THROW(filtered(GetParam().tar + end_of_tar, 512), EngineFailure) << GetParam().name;
}

INSTANTIATE_TEST_SUITE_P(
    Headers, TarIsRefused,
    testing::Values(
        Refused{"a wrong sum", entry("a", '0', "b", {0, "", false})}, Refused{"no magic", entry("a", '0', "b", {257, std::string(8, '\0')})},
        Refused{"GNU's magic", entry("a", '0', "b", {257, std::string("ustar  \0", 8)})}, Refused{"star's mark", entry("a", '0', "b", {508, "tar"})},
        Refused{"GNU's long name", entry("@", 'L', "manifest.json") + entry("x", '0', "hidden")},
        Refused{"GNU's long link", entry("@", 'K', "manifest.json") + entry("x", '2', "")},
        Refused{"a header for all", entry("g", 'g', record("path=manifest.json")) + entry("x", '0', "hidden")},
        Refused{"GNU's sparse file", entry("a", 'S', "b")}, Refused{"a contiguous file", entry("manifest.json", '7', "hidden")},
        Refused{"an old file", entry("manifest.json", '\0', "hidden")},
        Refused{"a size in binary", entry("a", '0', "b", {124, std::string("\x80\0\0\0\0\0\0\0\0\0\0\1", 12)})},
        Refused{"a size behind a blank", entry("a", '0', "b", {124, " 0000000001"})},
        Refused{"a size with a letter", entry("a", '0', "b", {124, "0000000001x"})},
        Refused{"a mode of letters", entry("a", '0', "b", {100, "rw-r--r"})}, Refused{"a directory with data", entry("d", '5', "b")},
        Refused{"a link with data", entry("l", '1', "b")}, Refused{"a link with data by its records", pax(record("size=5")) + entry("l", '2', "")},
        Refused{"a file with a directory's name", entry("d/", '0', "b")},
        Refused{"a link in the place of a file", entry("manifest.json", '2', "", {157, "other"}) + entry("other", '0', "hidden")},
        Refused{"a directory in the place of a file", entry("manifest.json/", '5', "")},
        Refused{"something behind the end", end_of_tar + entry("manifest.json", '0', "hidden")}));

INSTANTIATE_TEST_SUITE_P(
    Records, TarIsRefused,
    testing::Values(Refused{"no file behind them", pax(record("path=a"))},
                    Refused{"two headers", pax(record("path=manifest.json")) + pax(record("path=a")) + entry("x", '0', "hidden")},
                    Refused{"a sparse file's name", pax(record("GNU.sparse.name=manifest.json")) + entry("x", '0', "hidden")},
                    Refused{"star's size", pax(record("SCHILY.realsize=1")) + entry("x", '0', "b")},
                    Refused{"Solaris' holes", pax(record("SUN.holesdata= 0 1")) + entry("x", '0', "b")},
                    Refused{"an empty path", pax(record("path=")) + entry("x", '0', "b")},
                    Refused{"a path with a NUL", pax(record(std::string("path=manifest.json\0x", 20))) + entry("x", '0', "hidden")},
                    Refused{"an empty size", pax(record("size=")) + entry("x", '0', "b")},
                    Refused{"a size with a sign", pax(record("size=+1")) + entry("x", '0', "b")},
                    Refused{"a size beyond 64 bits", pax(record("size=18446744073709551617")) + entry("x", '0', "b")},
                    Refused{"a size that padding takes beyond 64 bits", pax(record("size=18446744073709551615")) + entry("x", '0', "b")},
                    Refused{"no key", pax(record("=a")) + entry("x", '0', "b")}, Refused{"no value", pax(record("path")) + entry("x", '0', "b")},
                    Refused{"no end of a line", pax("8 path=ab") + entry("x", '0', "b")},
                    Refused{"a length that is too long", pax("99 path=a\n") + entry("x", '0', "b")},
                    Refused{"a length alone", pax("2\n") + entry("x", '0', "b")}));

TEST(TarFilter, RefusesWhatIsCutOrBroken)
{
    const std::string bytes = tar_of({{"a", std::string(1000, 'a')}});
    EXPECT_THROW(filtered(bytes.substr(0, 700), 100), EngineFailure);
    EXPECT_THROW(filtered(bytes.substr(0, 100), 100), EngineFailure);
    TarFilter none({"a"}, [](std::string_view, std::string_view) { return std::nullopt; });
    EXPECT_THROW(none.pass(bytes), EngineFailure);
}

}  // namespace
}  // namespace broker
