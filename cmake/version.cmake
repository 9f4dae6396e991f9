# Run at build time: writes factsweep_version.hpp when version or git revision changed.
execute_process(COMMAND git -C "${SOURCE}" rev-parse HEAD OUTPUT_VARIABLE revision
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(revision "unknown")
else()
  execute_process(COMMAND git -C "${SOURCE}" diff --quiet HEAD RESULT_VARIABLE changed ERROR_QUIET)
  if(changed)
    string(APPEND revision "+")
  endif()
endif()
file(WRITE "${OUTPUT}.new" "#pragma once\n#define FACTSWEEP_VERSION \"${VERSION}\"\n#define FACTSWEEP_GIT_REVISION \"${revision}\"\n")
execute_process(COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${OUTPUT}.new" "${OUTPUT}")
