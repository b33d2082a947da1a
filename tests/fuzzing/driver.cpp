#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "tests/fuzzing/target.h"

// Where the compiler has no libFuzzer: the seeds as they are, then as many mutations of them, without its guidance. Takes
// what tests/fuzz gives to libFuzzer: -runs=N or -max_total_time=N, -seed=N, -max_len=N, -timeout=N and -rss_limit_mb=N for each input, and a
// folder of seeds.

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::string current;

/// The input of a finding, as libFuzzer keeps it.
void keep_input(int signal)
{
    if (signal == SIGALRM) std::fprintf(stderr, "FINDING: an input takes too long\n");
    std::ofstream("crash-input", std::ios::binary) << current;
    std::_Exit(1);
}

std::string mutated(const std::vector<std::string>& seeds, std::mt19937_64& random, std::size_t longest)
{
    const auto below = [&](std::size_t limit) { return limit == 0 ? 0 : static_cast<std::size_t>(random() % limit); };
    std::string text = seeds[below(seeds.size())];
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
        const std::size_t at = below(text.size() + 1), length = below(std::min<std::size_t>(text.size() - at, 16) + 1);
        switch (below(5)) {
            case 0: text.erase(at, length); break;
            case 1: text.insert(at, text.substr(at, length)); break;
            case 2: text.insert(at, 1, static_cast<char>(below(256))); break;
            case 3:
                if (at < text.size()) text[at] = static_cast<char>(below(256));
                break;
            default: {
                const std::string& other = seeds[below(seeds.size())];
                const std::size_t from = below(other.size() + 1);
                text.replace(at, length, other.substr(from, below(64)));
            }
        }
    }
    text.resize(std::min(text.size(), longest));
    return text;
}

}  // namespace

int main(int count, char** arguments)
{
    LLVMFuzzerInitialize(&count, &arguments);
    std::size_t runs = SIZE_MAX, seconds = SIZE_MAX, seed = 1, longest = 4096, timeout = 10, megabytes = 1024;
    std::vector<std::string> seeds = {""};
    for (const std::string_view word : std::vector<std::string_view>(arguments + 1, arguments + count)) {
        const auto number = [word](std::string_view name, std::size_t& into) {
            if (word.starts_with(name)) std::from_chars(word.data() + name.size(), word.data() + word.size(), into);
        };
        number("-runs=", runs);
        number("-max_total_time=", seconds);
        number("-seed=", seed);
        number("-max_len=", longest);
        number("-timeout=", timeout);
        number("-rss_limit_mb=", megabytes);
        if (word.starts_with('-')) continue;
        for (const auto& each : std::filesystem::directory_iterator(word)) {
            std::ifstream file(each.path(), std::ios::binary);
            seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
        }
    }
    std::signal(SIGABRT, keep_input);
    std::signal(SIGALRM, keep_input);
    std::mt19937_64 random(seed);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(std::min<std::size_t>(seconds, 1 << 20));
    std::size_t done = 0;
    for (; done < runs && (done % 64 != 0 || std::chrono::steady_clock::now() < end); ++done) {
        current = done < seeds.size() ? seeds[done] : mutated(seeds, random, longest);
        ::alarm(static_cast<unsigned>(timeout));
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(current.data()), current.size());
        ::alarm(0);
        rusage used{};
        if (::getrusage(RUSAGE_SELF, &used) == 0 && static_cast<std::size_t>(used.ru_maxrss) > megabytes * 1024) {
            std::fprintf(stderr, "FINDING: an input takes too much memory\n");
            keep_input(SIGABRT);
        }
    }
    std::fprintf(stderr, "Done %zu runs\n", done);
}
