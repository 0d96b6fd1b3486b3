# make demo and make test are all a newcomer needs; both install what is missing.
.PHONY: demo test build mpi install uninstall lint format documentation dependencies

# Every method on the built-in digits, and a table of what came out.
demo: build
	.build/release/tetrajet demo

# All tests, with what failed and what was skipped in the last lines. What `make build` has built is not built again.
test: dependencies
	@.ci/test $(TESTS)

build: dependencies
	swift build -c release --product tetrajet

# The command for `mpirun -n R tetrajet train`, in .build/mpi/release. TETRAJET_MPI=mpich or ompi-c chooses where there are both.
mpi:
	@.ci/dependencies mpi
	swift build -c release --product tetrajet --traits MPI --scratch-path .build/mpi

# The command in PREFIX/bin, with its manual page and completions for bash, zsh and fish; `make uninstall PREFIX=...`
# takes them away. The command needs nothing of this folder, nor Swift. (A shell leaves the ~ of PREFIX=~/.local alone.)
PREFIX ?= /usr/local
install: dependencies
	@.ci/install install "$(patsubst ~/%,$(HOME)/%,$(PREFIX))"

uninstall:
	@.ci/install uninstall "$(patsubst ~/%,$(HOME)/%,$(PREFIX))"

lint:
	@.ci/lint

format:
	@.ci/lint mend

# The articles and the libraries' symbols as web pages, in .build/documentation.
documentation: dependencies
	@.ci/documentation

# libjpeg-turbo, libpng and zlib, from the system's packages.
dependencies:
	@.ci/dependencies
