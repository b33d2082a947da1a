#include <gtest/gtest.h>

#include "tests/rules/build/sealed.h"

// How much an engine can be made to write out.
namespace rules {
namespace {

// attack V-08
TEST(Dockerfile, WhatVariablesCanBecomeIsBounded)
{
    const auto doubled = [](const std::string& how) {
        return [how](int i) {
            std::string line = how;
            for (std::size_t at; (at = line.find('#')) != line.npos;) line.replace(at, 1, std::to_string(i + 1));
            for (std::size_t at; (at = line.find('@')) != line.npos;) line.replace(at, 1, std::to_string(i));
            return line;
        };
    };
    const std::string kilo(1000, 'x');
    for (const char* how : {"ARG A#=$A@$A@", "ARG A#=${A@}${A@}", "ARG A#=\"$A@$A@\"", "ARG A#=${A@:-1}$A@", "ARG A#=${A@:+$A@}$A@"})
        EXPECT_FALSE(names_of("ARG A0=" + kilo + "\n" + repeated(30, doubled(how)) + "FROM a\n", Json())) << how;
    for (const char* how : {"ENV A#=$A@$A@", "ENV A# $A@ $A@", "ENV B=1 A#=$A@$A@", "ENV A#=\"$A@ $A@\"", "ENV A#=$A@\\ $A@", "ENV \"A#\"=$A@$A@",
                            "ARG A#=$A@$A@", "ARG B A#=$A@$A@", "ENV A#=${A@:-$A@}", "ENV A#=${A@/x/$A@}", "ENV A#=${A@//x/yyyyy}"})
        EXPECT_FALSE(names_of("FROM a\nENV A0=" + kilo + "\n" + repeated(30, doubled(how)), Json())) << how;
    const std::string big = "FROM a\nENV A=" + std::string(100'000, 'x') + "\n";
    for (const char* use : {"LABEL a=$A$A", "COPY $A$A /x", "WORKDIR $A/$A", "EXPOSE $A$A", "FROM --platform=$A$A b", "ENV ${A}x$A=1",
                            "ENV B=1\xC2\xA0"
                            "C=$A$A"})
        EXPECT_FALSE(names_of(big + use + "\n", Json())) << use;
    EXPECT_TRUE(names_of(big + repeated(100, [](int) { return "RUN echo $A$A"; }), Json())) << "the shell expands that";
    EXPECT_FALSE(names_of(big + repeated(50, [](int) { return "LABEL a=$A"; }), Json())) << "in sum";
    EXPECT_FALSE(names_of("ARG A\nFROM --platform=$A$A a\n", Json({{"A", std::string(100'000, 'x')}})));

    // A trigger costs as often as it runs, and an image's own variables count.
    EXPECT_FALSE(names_of("FROM a AS s\nENV A=" + kilo + "\n" + repeated(30, [](int) { return "ONBUILD ENV A=$A$A"; }) + "FROM s\n", Json()));
    EXPECT_FALSE(sealed_with("FROM t\n", {{"t", Names(30, "ENV A=$A$A")}, {"a", {}}}).has_value() &&
                 sealed("FROM t\n", Json(), {}, {{"t", {"id", Names(30, "ENV A=$A$A"), 10}}}, Profile{}).has_value());
    EXPECT_FALSE(sealed("FROM t\nENV A=$B$B$B\n", Json(), {}, {{"t", {"id", {}, 50'000}}}, Profile{}));

    std::string usual = "ARG V=3.18\nARG R=registry.example/mirror\nFROM $R/alpine:$V AS base\nENV PATH=/opt/bin:$PATH LANG=C.UTF-8\n";
    usual += repeated(200, [](int i) { return "ENV N" + std::to_string(i) + "=\"$PATH ${LANG} $V\" LD=/x:$LD"; });
    usual += "FROM base\nONBUILD ENV A=${B//./_}\nLABEL a=\"$V $R\"\n";
    EXPECT_TRUE(sealed("ARG V=1\nFROM a\n", Json(), {}, {{"a", {"id", {}, 100}}}, Profile{}));
    const auto read = names_of(usual, Json());
    EXPECT_TRUE(read) << read.error().message;
}

// attack V-19: the builder prints each in one line before it runs it
TEST(Dockerfile, AnInstructionIsSoLong)
{
    const std::string words(64 << 10, ' ');
    for (const std::string verb : {"RUN", "COPY", "LABEL", "CMD"}) {
        EXPECT_TRUE(bases_of("FROM a\n" + verb + " a=1" + words + "b=1\n", {})) << verb;
        EXPECT_FALSE(bases_of("FROM a\n" + verb + " a=1" + words + "\\\n" + words + "b=1\n", {})) << verb;
    }
}

TEST(Dockerfile, HasSoManyInstructionsAndBases)
{
    const auto run = [](int) { return std::string("RUN x"); };
    EXPECT_TRUE(names_of("FROM a\n" + repeated(999, run), Json()));
    EXPECT_FALSE(names_of("FROM a\n" + repeated(1000, run), Json()));
    const std::string onbuild = "FROM a AS s\n" + repeated(40, [](int) { return std::string("ONBUILD RUN x"); });
    EXPECT_TRUE(names_of(onbuild + repeated(20, [](int) { return std::string("FROM s"); }), Json()));
    EXPECT_FALSE(names_of(onbuild + repeated(30, [](int) { return std::string("FROM s"); }), Json()));
    EXPECT_FALSE(sealed_with(repeated(20, [](int) { return std::string("FROM t"); }), {{"t", Names(60, "RUN x")}}));
    const auto from = [](int i) { return "FROM a" + std::to_string(i); };
    EXPECT_TRUE(names_of(repeated(100, from), Json()));
    EXPECT_FALSE(names_of(repeated(101, from), Json()));
}

// attack V-08
TEST(Dockerfile, NoVariableIsBehindOneWhosePartsAreReplaced)
{
    for (const char* label : {"${A//}/${A//}/x}}", "${A/x/y}$B", "${A/x/y} ${B}", "${\u00e9//x/$A}", "${@/x/$A}"})
        EXPECT_FALSE(bases_of("FROM a\nENV A=}}\nLABEL z=" + std::string(label) + "\n", {})) << label;
    for (const char* label : {"${A/x/y}", "$B${A/x/y}", "${A:-$B}$B", "${A#x}$B"})
        EXPECT_TRUE(bases_of("FROM a\nENV A=}}\nLABEL z=" + std::string(label) + "\n", {})) << label;
}

}  // namespace
}  // namespace rules
