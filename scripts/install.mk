# make install, make uninstall: part of the Makefile.

# FILE:MODE:PLACE, which is under PREFIX
INSTALLED = \
	scripts/lbdns:755:bin/lbdns \
	scripts/lbdns.1:644:share/man/man1/lbdns.1 \
	scripts/liblbdns.7:644:share/man/man7/liblbdns.7 \
	scripts/lbdns.bash-completion:644:share/bash-completion/completions/lbdns \
	$(BUILD)/liblbdns.so:644:lib/lbdns/liblbdns.so \
	$(BUILD)/lbdns-inspect:755:lib/lbdns/lbdns-inspect \
	scripts/prometheus/alerts.yml:644:share/lbdns/alerts.yml \
	scripts/prometheus/dashboard.json:644:share/lbdns/dashboard.json

.PHONY: install uninstall
# By rename: writing over a library that running programs have mapped would crash them.
install: $(foreach file,$(INSTALLED),$(firstword $(subst :, ,$(file))))
	@echo "  INSTALL $(DESTDIR)$(PREFIX)"
	$(Q)set -e; for file in $(INSTALLED); do \
		from=$${file%%:*}; place=$${file##*:}; mode=$${file#*:}; \
		install -D -m $${mode%%:*} $$from "$(DESTDIR)$(PREFIX)/$$place.new"; \
		mv -f "$(DESTDIR)$(PREFIX)/$$place.new" "$(DESTDIR)$(PREFIX)/$$place"; \
	done

uninstall:
	$(Q)for file in $(INSTALLED); do rm -f "$(DESTDIR)$(PREFIX)/$${file##*:}"; done
	$(Q)rmdir "$(DESTDIR)$(PREFIX)/lib/lbdns" "$(DESTDIR)$(PREFIX)/share/lbdns" 2>/dev/null || true
