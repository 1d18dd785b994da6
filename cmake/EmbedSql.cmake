# embed_sql(TARGET DIR [PRIVATE]): makes every .sql file below DIR a prepared statement of TARGET, a
# library or program that links postgres. Its code includes "<target>/sql.h"; DIR/calendar/due.sql
# is SQL_CALENDAR_DUE there (cmake/embed_sql.py says what a file looks like). PRIVATE: the header
# is not for those who link the target.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(EMBED_SQL_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/embed_sql.py)

function(embed_sql target dir)
  cmake_parse_arguments(SQL "PRIVATE" "" "" ${ARGN})
  get_filename_component(root ${dir} ABSOLUTE)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${root}/*.sql)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/generated)
  set(made ${out}/${target}/sql.h ${out}/${target}/sql.c ${out}/${target}/sql_all.c)
  add_custom_command(OUTPUT ${made}
    COMMAND ${Python3_EXECUTABLE} ${EMBED_SQL_SCRIPT} ${target} ${root} ${out} ${files}
    COMMAND ${CMAKE_COMMAND} -E touch ${out}/${target}/stamp
    BYPRODUCTS ${out}/${target}/stamp
    DEPENDS ${files} ${EMBED_SQL_SCRIPT}
    COMMENT "Embedding the SQL of ${target}" VERBATIM)
  target_sources(${target} PRIVATE ${made})
  if(SQL_PRIVATE)
    target_include_directories(${target} PRIVATE ${out})
  else()
    target_include_directories(${target} PUBLIC ${out})
  endif()
endfunction()
