# SentencePiece with its trainer: SentencePiece_FOUND and the target SentencePiece::train.
# Its .pc file asks for whatever the library was built from (protobuf-lite on Debian 13), which we neither include nor link.
find_path(SentencePiece_INCLUDE_DIR sentencepiece_trainer.h)
find_library(SentencePiece_LIBRARY sentencepiece)
find_library(SentencePiece_TRAIN_LIBRARY sentencepiece_train)
mark_as_advanced(SentencePiece_INCLUDE_DIR SentencePiece_LIBRARY SentencePiece_TRAIN_LIBRARY)

# From 0.2.1 on its headers may include Abseil's, and a status of its functions is one of Abseil's.
set(SentencePiece_USES_ABSEIL FALSE)
if(SentencePiece_INCLUDE_DIR)
  file(STRINGS "${SentencePiece_INCLUDE_DIR}/sentencepiece_processor.h" includes REGEX "^#include <absl/")
  if(includes)
    set(SentencePiece_USES_ABSEIL TRUE)
    find_package(absl QUIET CONFIG)
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SentencePiece
  REQUIRED_VARS SentencePiece_LIBRARY SentencePiece_TRAIN_LIBRARY SentencePiece_INCLUDE_DIR)

if(SentencePiece_FOUND AND NOT TARGET SentencePiece::train)
  add_library(SentencePiece::train INTERFACE IMPORTED)
  target_include_directories(SentencePiece::train INTERFACE "${SentencePiece_INCLUDE_DIR}")
  target_link_libraries(SentencePiece::train INTERFACE "${SentencePiece_TRAIN_LIBRARY}" "${SentencePiece_LIBRARY}")
  if(absl_FOUND)
    target_link_libraries(SentencePiece::train INTERFACE absl::status absl::strings absl::span)
  endif()
endif()
