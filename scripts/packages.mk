# make deb: part of the Makefile.

DEB = $(BUILD)/deb/lbdns-$(VERSION)

.PHONY: deb
# The tree as dpkg-buildpackage wants it: a copy, with scripts/debian as debian/.
deb:
	@scripts/bootstrap deb
	@[ "$$(dpkg-parsechangelog -l scripts/debian/changelog -S Version)" = $(VERSION) ] || \
		{ echo 'scripts/debian/changelog has another version than scripts/lbdns, $(VERSION)' >&2; exit 1; }
	$(Q)rm -rf $(BUILD)/deb
	$(Q)mkdir -p $(DEB)
	$(Q)cp -R Makefile LICENSE README.md preload scripts tests $(DEB)
	$(Q)mv $(DEB)/scripts/debian $(DEB)/debian
	@echo "  DEB     $(BUILD)/deb"
	$(Q)cd $(DEB) && env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u BUILD dpkg-buildpackage -us -uc -b >../build.log 2>&1 || \
		{ tail -n 50 ../build.log >&2; exit 1; }
	$(Q)ls $(BUILD)/deb/*.deb
