# SentencePiece with its trainer: SentencePiece_FOUND and the target SentencePiece::train.
# Its .pc file asks for whatever the library was built from (protobuf-lite on Debian 13), which we neither include nor link.
find_path(SentencePiece_INCLUDE_DIR sentencepiece_trainer.h)
find_library(SentencePiece_LIBRARY sentencepiece)
find_library(SentencePiece_TRAIN_LIBRARY sentencepiece_train)
mark_as_advanced(SentencePiece_INCLUDE_DIR SentencePiece_LIBRARY SentencePiece_TRAIN_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SentencePiece
  REQUIRED_VARS SentencePiece_LIBRARY SentencePiece_TRAIN_LIBRARY SentencePiece_INCLUDE_DIR)

if(SentencePiece_FOUND AND NOT TARGET SentencePiece::train)
  add_library(SentencePiece::train INTERFACE IMPORTED)
  target_include_directories(SentencePiece::train INTERFACE "${SentencePiece_INCLUDE_DIR}")
  target_link_libraries(SentencePiece::train INTERFACE "${SentencePiece_TRAIN_LIBRARY}" "${SentencePiece_LIBRARY}")
endif()
