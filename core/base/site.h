// Where in the user's source a node was made.
//
// Builders capture the caller's file and line through default arguments (`SourceSite::current()`);
// operators do so through the converting constructor of `Operand` (core/graph/operand.h). A layer
// or another builder of many nodes opens a SiteScope: what is built inside records the outermost
// user site and the labels of the open scopes.

#ifndef BITALE_CORE_BASE_SITE_H_
#define BITALE_CORE_BASE_SITE_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace bitale {

// A line of source. std::source_location serves no better: clang 14 rejects it on this library.
struct SourceSite {
  const char* file = "";
  uint32_t line = 0;

  static constexpr SourceSite current(const char* file = __builtin_FILE(),
                                      uint32_t line = __builtin_LINE()) {
    return {file, line};
  }
  bool known() const { return line != 0; }
  // "path/file.cc:12", or "unknown place".
  std::string str() const;
};

// What a node remembers of its making.
struct Site {
  SourceSite source;
  // Labels of the open scopes, outermost first, joined by " / "; interned, never freed.
  const std::string* labels = nullptr;
  // Made by differentiating a node at `source`.
  bool from_gradient = false;

  // "file.cc:12 (LeNetConvPoolLayer layer0)", "gradient of file.cc:12".
  std::string str() const;
};

// Within its lifetime, nodes that this thread builds record `source` (or that of an enclosing
// scope) and `label`.
class SiteScope {
 public:
  SiteScope(SourceSite source, std::string_view label);
  ~SiteScope();
  SiteScope(const SiteScope&) = delete;
  SiteScope& operator=(const SiteScope&) = delete;

 private:
  Site previous_;
};

// Within its lifetime, nodes that this thread builds count as the gradient of a node at `forward`.
class GradientSiteScope {
 public:
  explicit GradientSiteScope(const Site& forward);
  ~GradientSiteScope();
  GradientSiteScope(const GradientSiteScope&) = delete;
  GradientSiteScope& operator=(const GradientSiteScope&) = delete;

 private:
  Site previous_;
};

// Within its lifetime, nodes that this thread builds record exactly `site`: for rewrites, which
// build in the name of the nodes that they replace.
class FixedSiteScope {
 public:
  explicit FixedSiteScope(const Site& site);
  ~FixedSiteScope();
  FixedSiteScope(const FixedSiteScope&) = delete;
  FixedSiteScope& operator=(const FixedSiteScope&) = delete;

 private:
  Site previous_;
};

// The site of a node built now by a builder called at `source`: the outermost open scope's, else
// `source` itself.
Site resolve_site(SourceSite source);

}  // namespace bitale

#endif  // BITALE_CORE_BASE_SITE_H_
