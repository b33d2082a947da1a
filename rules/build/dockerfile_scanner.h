#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rules/build/dockerfile.h"
#include "rules/build/dockerfile_lines.h"
#include "rules/build/dockerfile_variables.h"

// What a Dockerfile makes the builder look up, read as the builder goes through it. For rules/build/dockerfile*.cpp alone.
namespace rules {

/// One place where an image is named that the builder would look for in the engine's store.
struct ImageMention {
    std::string name;                ///< as the builder reads it, variables expanded
    std::size_t begin = 0, end = 0;  ///< the instruction in the text, its continued lines included
    std::string before, written, after;  ///< the instruction as one line: around the name, and what stands for it
    bool is_stage = false;  ///< no image after all: a stage or `scratch`, which a variable stands for
};

class Scanner {
public:
    /// The parameters outlive this. `images`: what each name is, once that is known: then their triggers are gone through too.
    Scanner(const Json& build_args, std::string_view target, const BaseImages* images = nullptr,
            const Profile* profile = nullptr)
        : variables_(build_args), target_(lower(target)), images_(images), profile_(profile)
    {
    }

    /// Goes through a whole Dockerfile.
    Result<void> read(std::string_view text);
    /// Goes through instructions that change the settings of an image, whose variables are at most `longest` bytes long.
    Result<void> read_changes(std::string_view text, std::size_t longest);

    /// Every place of FROM and of COPY --from that is no stage, in order.
    const std::vector<ImageMention>& mentions() const { return mentions_; }
    /// Where in the text the stage ends that is asked for: what follows, no builder needs.
    std::size_t end() const { return ends_at_target_ ? end_ : std::string::npos; }

private:
    /// Where an instruction comes from: it stands in the text, is kept there for those who rest on the image, or is
    /// such a one that is run now.
    enum class From { text, kept, trigger };

    struct Stage {
        std::string name;  ///< empty when it has none
        std::vector<std::string> triggers;
    };

    Result<void> lines(std::string_view text);
    Result<void> instruction(std::string_view text, From from);
    Result<void> trigger(std::string_view text, From from);
    Result<void> run(const std::vector<std::string>& triggers);
    Result<void> run_triggers_of(const std::string& name);
    Result<void> onbuild(std::string_view text);
    Result<void> copy(std::string_view text, From from);
    Result<void> from(std::string_view text);
    void begin_stage(std::string name);
    bool in_target() const;
    void place(std::string name, std::string_view word, bool is_stage = false);

    Variables variables_;
    std::string target_;  ///< name of the stage that the build ends with
    const BaseImages* images_;
    const Profile* profile_;
    char escape_ = '\\';
    std::size_t instructions_ = 0;  ///< those of triggers included, each time that they run
    bool ends_at_target_ = false;
    std::size_t end_ = 0, places_before_end_ = 0;
    std::vector<Stage> stages_;                                ///< the current one is the last
    std::map<std::string, std::size_t, std::less<>> complete_;  ///< names of the stages before it, and which they are
    const Line* line_ = nullptr;
    std::vector<ImageMention> mentions_;
};

}  // namespace rules
