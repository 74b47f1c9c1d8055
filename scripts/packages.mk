# make deb, make image: part of the Makefile.

DEB = $(BUILD)/deb/lbdns-$(VERSION)

.PHONY: deb
# The tree as dpkg-buildpackage wants it: a copy, with scripts/debian as debian/. DEB_ARCH=arm64 crosses over.
deb:
	@scripts/bootstrap deb
	@[ "$$(dpkg-parsechangelog -l scripts/debian/changelog -S Version)" = $(VERSION) ] || \
		{ echo 'scripts/debian/changelog has another version than scripts/lbdns, $(VERSION)' >&2; exit 1; }
	$(Q)rm -rf $(BUILD)/deb
	$(Q)mkdir -p $(DEB)
	$(Q)cp -R Makefile LICENSE README.md preload scripts tests $(DEB)
	$(Q)mv $(DEB)/scripts/debian $(DEB)/debian
	@echo "  DEB     $(BUILD)/deb"
	$(Q)cd $(DEB) && env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u BUILD dpkg-buildpackage -us -uc -b \
		$(addprefix -a,$(DEB_ARCH)) >../build.log 2>&1 || \
		{ tail -n 50 ../build.log >&2; exit 1; }
	$(Q)ls $(BUILD)/deb/*.deb

IMAGE = $(BUILD)/image
IMAGE_ARCH = $(patsubst x86_64-%,amd64,$(patsubst aarch64-%,arm64,$(shell $(CC) -dumpmachine)))
STRIP = $(shell $(CC) -print-prog-name=strip) --strip-unneeded
# The name in full, which kubelets look for when a pod says lbdns:VERSION.
IMAGE_NAME = docker.io/library/lbdns:$(VERSION)
# All that buildah keeps is in the build directory; nothing is fetched, and no container runs.
BUILDAH = buildah --root $(abspath $(IMAGE)/storage) --runroot $(abspath $(IMAGE)/run) --storage-driver vfs

.PHONY: image
image:
	@scripts/bootstrap image
	@$(MAKE) -s --no-print-directory all $(IMAGE)/lbdns-install
	$(Q)install -m 644 LICENSE $(IMAGE)
	$(Q)$(STRIP) -o $(IMAGE)/liblbdns.so $(BUILD)/liblbdns.so
	$(Q)$(STRIP) -o $(IMAGE)/lbdns-inspect $(BUILD)/lbdns-inspect
	$(Q)chmod 644 $(IMAGE)/liblbdns.so
	$(Q)install -m 644 /usr/share/doc/libc-ares-dev/copyright $(IMAGE)/LICENSE.c-ares
	@echo "  IMAGE   $(BUILD)/lbdns-image.tar"
	$(Q)rm -rf $(BUILD)/lbdns-image.tar $(IMAGE)/layout
	$(Q)$(BUILDAH) build -q --isolation chroot --arch $(IMAGE_ARCH) --timestamp 0 -f scripts/image/Containerfile \
		-t $(IMAGE_NAME) $(IMAGE) >$(IMAGE)/id
	$(Q)$(BUILDAH) push -q $(IMAGE_NAME) oci:$(IMAGE)/layout:$(IMAGE_NAME)
	$(Q)scripts/image/archive $(IMAGE)/layout $(IMAGE_NAME) $(BUILD)/lbdns-image.tar

programs: $(IMAGE)/lbdns-install

$(IMAGE)/lbdns-install: scripts/image/install.c scripts/lbdns
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -DLBDNS_VERSION='"$(VERSION)"' $(WARNINGS) $(CFLAGS) -static -s -o $@ $<
