#include "broker/archives/tar_filter.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include "broker/io/io.h"

namespace broker {
namespace {

using Files = std::vector<std::pair<std::string, std::string>>;

std::string tar_of(const Files& files, bool with_pax = false)
{
    std::string out;
    archive* tar = ::archive_write_new();
    ::archive_write_set_format_pax_restricted(tar);
    ::archive_write_add_filter_none(tar);
    const auto write = [](archive*, void* into, const void* bytes, std::size_t size) {
        static_cast<std::string*>(into)->append(static_cast<const char*>(bytes), size);
        return static_cast<la_ssize_t>(size);
    };
    ::archive_write_open(tar, &out, nullptr, write, nullptr);
    for (const auto& [name, text] : files) {
        archive_entry* entry = ::archive_entry_new();
        ::archive_entry_set_pathname(entry, name.c_str());
        ::archive_entry_set_filetype(entry, name.ends_with('/') ? AE_IFDIR : AE_IFREG);
        ::archive_entry_set_perm(entry, 0644);
        if (with_pax) ::archive_entry_xattr_add_entry(entry, "user.x", "y", 1);
        ::archive_entry_set_size(entry, static_cast<la_int64_t>(text.size()));
        ::archive_write_header(tar, entry);
        ::archive_write_data(tar, text.data(), text.size());
        ::archive_entry_free(entry);
    }
    ::archive_write_close(tar);
    ::archive_write_free(tar);
    return out;
}

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
        const std::string bytes = tar_of({{"d/", ""},
                                          {"d/manifest.json", "not this"},
                                          {long_name, std::string(5000, 'x')},
                                          {"manifest.json", "[]"},
                                          {"empty", ""},
                                          {"repositories", ""},
                                          {"last", "z"}},
                                         with_pax);
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
    const std::string bytes = tar_of({{"a", std::string(1000, 'a')}, {"b/" + std::string(200, 'b'), "b"}}, true);
    EXPECT_EQ(filtered(bytes, 700), bytes);
}

TEST(TarFilter, ReadsASizeFromThePaxHeader)
{
    // A header of its own making: the block says 0, the records say 5, as for files of more than 8 GiB.
    std::string bytes = tar_of({{"big", "12345"}});
    const std::string data = bytes.substr(512, 512);
    const auto block = [](const std::string& name, char type, std::size_t size) {
        std::string header(512, '\0');
        header.replace(0, name.size(), name);
        char text[12];
        std::snprintf(text, sizeof text, "%011zo", size);
        header.replace(124, 11, text);
        header[156] = type;
        header.replace(257, 6, std::string("ustar\0", 6));
        return header;
    };
    std::string records = "9 size=5\n";
    const std::size_t length = records.size();
    records.resize(512, '\0');
    const std::string made = block("PaxHeaders/big", 'x', length) + records + block("big", '0', 0) + data +
                             block("manifest.json", '0', 0) + std::string(1024, '\0');
    const std::string out = filtered(made, 100);
    EXPECT_NE(out.find("manifest.json:" + std::string(600, '+')), out.npos);
    EXPECT_EQ(out.substr(0, 4 * 512), made.substr(0, 4 * 512));
}

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
