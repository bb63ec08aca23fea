# What the programs that test src/LAYER link with: its files as a library.  Included by
# test/unit and test/fuzz, which say CC, FLAGS, LIBS and where the top of the tree is.

LAYERS = core binlog avro protobuf envelope
layer_objects = $(patsubst $(top)/src/%.c,build/src/%.o,$(wildcard $(top)/src/$(1)/*.c))

# as the module is built: with libdeflate where it is there
ifeq ($(shell pkg-config --exists libdeflate && echo yes),yes)
FLAGS += -DCDC_HAVE_LIBDEFLATE
LIBS += -ldeflate
endif

.PHONY: all check clean
.SECONDARY:

# what all is, says who includes this
all:

clean:
	rm -rf build

build/src/%.o: $(top)/src/%.c Makefile ../layers.mk
	@mkdir -p $(@D)
	@echo "# CC $@"
	@$(CC) $(FLAGS) -c -o $@ $<

build/%.o: %.c Makefile ../layers.mk
	@mkdir -p $(@D)
	@echo "# CC $@"
	@$(CC) $(FLAGS) -c -o $@ $<

build/libcdc_%.a: Makefile ../layers.mk
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $(filter %.o,$^)

define layer_rule
build/libcdc_$(1).a: $$(call layer_objects,$(1))
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rule,$(l))))

-include $(shell find build -name '*.d' 2>/dev/null)
