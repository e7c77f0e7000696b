#include "core/base/site.h"

#include "core/base/intern.h"

namespace bitale {
namespace {

// The innermost open scope of this thread; unknown source when none is open.
thread_local constinit Site current_scope;

}  // namespace

std::string SourceSite::str() const {
  if (!known()) return "unknown place";
  return std::string(file) + ":" + std::to_string(line);
}

std::string Site::str() const {
  std::string text = from_gradient ? "gradient of " + source.str() : source.str();
  if (labels != nullptr) text += " (" + *labels + ")";
  return text;
}

SiteScope::SiteScope(SourceSite source, std::string_view label) : previous_(current_scope) {
  std::string labels = previous_.labels ? *previous_.labels + " / " : std::string();
  labels += label;
  if (!current_scope.source.known()) current_scope.source = source;
  current_scope.labels = label.empty() ? previous_.labels : intern(labels);
}

SiteScope::~SiteScope() { current_scope = previous_; }

GradientSiteScope::GradientSiteScope(const Site& forward) : previous_(current_scope) {
  current_scope = forward;
  current_scope.from_gradient = true;
}

GradientSiteScope::~GradientSiteScope() { current_scope = previous_; }

FixedSiteScope::FixedSiteScope(const Site& site) : previous_(current_scope) {
  current_scope = site;
}

FixedSiteScope::~FixedSiteScope() { current_scope = previous_; }

Site resolve_site(SourceSite source) {
  if (current_scope.source.known()) return current_scope;
  Site site = current_scope;
  site.source = source;
  return site;
}

}  // namespace bitale
