# The rules of the house: one set of flags for all of our code, and libraries in layers.

option(CALFLEET_TESTS "Build unit and integration tests (needs cmocka)" ON)
option(CALFLEET_WERROR "Treat warnings as errors" ON)
option(CALFLEET_FAILPOINTS "Compile the named failpoints in (off in images)" ON)
set(CALFLEET_SANITIZE "" CACHE STRING "Sanitizers for all targets, e.g. address,undefined")
set(CALFLEET_FUZZ OFF CACHE BOOL "Build the libFuzzer targets (needs clang)")

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# calfleet_flags: what every target of ours is compiled with.
add_library(calfleet_flags INTERFACE)
target_compile_definitions(calfleet_flags INTERFACE _GNU_SOURCE
  CALFLEET_VERSION="${PROJECT_VERSION}")
target_compile_options(calfleet_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wcast-qual -Wpointer-arith -Wwrite-strings -Wformat=2 -Wundef -Wvla
  -Wswitch-enum -Wimplicit-fallthrough -Wdouble-promotion -fno-common
  $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation> # snprintf into a bounded text is meant to cut it
  -fno-omit-frame-pointer
  -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=) # places in errors and logs are paths of the project
if(CALFLEET_WERROR)
  target_compile_options(calfleet_flags INTERFACE -Werror)
endif()
if(CALFLEET_FAILPOINTS)
  target_compile_definitions(calfleet_flags INTERFACE CALFLEET_FAILPOINTS=1)
else()
  target_compile_definitions(calfleet_flags INTERFACE CALFLEET_FAILPOINTS=0)
endif()
if(CALFLEET_SANITIZE)
  target_compile_options(calfleet_flags INTERFACE -fsanitize=${CALFLEET_SANITIZE}
    -fno-sanitize-recover=all)
  target_link_options(calfleet_flags INTERFACE -fsanitize=${CALFLEET_SANITIZE})
else()
  # Sanitizers enlarge frames, so the bound on a coroutine's frame is checked in plain builds.
  target_compile_options(calfleet_flags INTERFACE -Wframe-larger-than=4096
    -fstack-protector-strong -fstack-clash-protection -fcf-protection)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(calfleet_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  endif()
  target_link_options(calfleet_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

# add_lib(NAME n LAYER k SOURCES ... [DEPS ours...] [PUBLIC_EXT ...] [EXT foreign...])
#
# One static library with its public headers in include/<name>/. DEPS must be of a lower layer:
# the configure step stops otherwise, and a library that is not in DEPS is not on the include
# path. That is how the direction of the arrows in docs/ARCHITECTURE.md is kept.
function(add_lib)
  cmake_parse_arguments(LIB "" "NAME;LAYER" "SOURCES;DEPS;PUBLIC_EXT;EXT" ${ARGN})
  add_library(${LIB_NAME} STATIC ${LIB_SOURCES})
  set_target_properties(${LIB_NAME} PROPERTIES CALFLEET_LAYER ${LIB_LAYER})
  target_include_directories(${LIB_NAME} PUBLIC include PRIVATE src)
  foreach(dep ${LIB_DEPS})
    if(NOT TARGET ${dep})
      message(FATAL_ERROR "${LIB_NAME} depends on ${dep}, which is not declared before it")
    endif()
    get_target_property(layer ${dep} CALFLEET_LAYER)
    if(NOT layer LESS LIB_LAYER)
      message(FATAL_ERROR "${LIB_NAME} (layer ${LIB_LAYER}) may not depend on ${dep} "
        "(layer ${layer}): arrows point down only")
    endif()
  endforeach()
  target_link_libraries(${LIB_NAME} PUBLIC ${LIB_DEPS} ${LIB_PUBLIC_EXT}
    PRIVATE calfleet_flags ${LIB_EXT})
endfunction()

# add_program(NAME n SOURCES ... DEPS ... [EXT ...]): one executable.
function(add_program)
  cmake_parse_arguments(PROG "" "NAME" "SOURCES;DEPS;EXT" ${ARGN})
  add_executable(${PROG_NAME} ${PROG_SOURCES})
  set_target_properties(${PROG_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  target_link_libraries(${PROG_NAME} PRIVATE calfleet_flags ${PROG_DEPS} ${PROG_EXT})
endfunction()

# add_unit_test(NAME n SOURCES ... DEPS ... [EXT ...]): one cmocka program, label "unit".
# It runs with no network and no real clock, so a long run is a hang.
function(add_unit_test)
  cmake_parse_arguments(T "" "NAME" "SOURCES;DEPS;EXT" ${ARGN})
  add_executable(${T_NAME} ${T_SOURCES})
  target_link_libraries(${T_NAME} PRIVATE calfleet_flags ${T_DEPS} ${T_EXT} cmocka)
  add_test(NAME ${T_NAME} COMMAND ${T_NAME})
  set_tests_properties(${T_NAME} PROPERTIES LABELS unit TIMEOUT 60)
endfunction()

# add_integration_test(NAME n SOURCES ... DEPS ... [EXT ...]): one cmocka program against the
# real servers of scripts/stack, whose addresses it reads from the environment; label "integration".
function(add_integration_test)
  cmake_parse_arguments(T "" "NAME" "SOURCES;DEPS;EXT" ${ARGN})
  add_executable(${T_NAME} ${T_SOURCES})
  target_link_libraries(${T_NAME} PRIVATE calfleet_flags ${T_DEPS} ${T_EXT} cmocka)
  add_test(NAME ${T_NAME} COMMAND ${T_NAME})
  set_tests_properties(${T_NAME} PROPERTIES LABELS integration TIMEOUT 180)
endfunction()

# add_fuzz_target(NAME n SOURCES ... DEPS ...): libFuzzer program; its corpus is tests/fuzz/corpus/<n>.
function(add_fuzz_target)
  cmake_parse_arguments(T "" "NAME" "SOURCES;DEPS;EXT" ${ARGN})
  if(CALFLEET_FUZZ)
    add_executable(${T_NAME} ${T_SOURCES})
    target_link_libraries(${T_NAME} PRIVATE calfleet_flags ${T_DEPS} ${T_EXT})
    target_link_options(${T_NAME} PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers ${T_NAME})
  endif()
endfunction()
