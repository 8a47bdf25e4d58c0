package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const hypervisorAnnotation = "io.katacontainers.config.hypervisor."

// admit refuses an annotation that would change the hypervisor and that no pattern of `enable_annotations` matches.
// The patterns are not anchored. A pattern that does not compile matches nothing.
func (h *hypervisor) admit(pod map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(pod)) {
		setting, ours := strings.CutPrefix(name, hypervisorAnnotation)
		if ours && !h.enabled(setting) {
			return fmt.Errorf("annotation %v is not enabled", name)
		}
	}
	return nil
}

func (h *hypervisor) enabled(setting string) bool {
	return slices.ContainsFunc(h.EnableAnnotations, func(pattern string) bool {
		matched, err := regexp.MatchString(pattern, setting)
		return err == nil && matched
	})
}
