// Google's verifiers behind a line protocol: a JSON case a line in, a JSON answer a line out. Nothing is fetched.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/go-sev-guest/abi"
	"github.com/google/go-sev-guest/kds"
	spb "github.com/google/go-sev-guest/proto/sevsnp"
	sev "github.com/google/go-sev-guest/verify"
	tdx "github.com/google/go-tdx-guest/verify"
)

type testCase struct {
	Tee         string            `json:"tee"`
	Evidence    string            `json:"evidence"`
	At          int64             `json:"at"`
	Collateral  map[string]string `json:"collateral"`
	Certificate string            `json:"certificate"`
	Product     string            `json:"product"`
}

type answer struct {
	Accepted bool   `json:"accepted"`
	Reason   string `json:"reason"`
}

// Answers as Intel's service gives them, from a bundle.
type service map[string]string

func (s service) Get(address string) (map[string][]string, []byte, error) {
	chain := func(name string) []string { return []string{url.QueryEscape(s[name])} }
	der := func(name string) []byte { raw, _ := base64.StdEncoding.DecodeString(s[name]); return raw }
	switch {
	case strings.Contains(address, "/tcb?"):
		body := fmt.Sprintf(`{"tcbInfo":%s,"signature":"%s"}`, s["tcb_info"], s["tcb_info_signature"])
		return map[string][]string{"Tcb-Info-Issuer-Chain": chain("tcb_info_issuer_chain")}, []byte(body), nil
	case strings.Contains(address, "/qe/identity"):
		body := fmt.Sprintf(`{"enclaveIdentity":%s,"signature":"%s"}`, s["qe_identity"], s["qe_identity_signature"])
		return map[string][]string{"Sgx-Enclave-Identity-Issuer-Chain": chain("qe_identity_issuer_chain")}, []byte(body), nil
	case strings.Contains(address, "/pckcrl"):
		return map[string][]string{"Sgx-Pck-Crl-Issuer-Chain": chain("pck_crl_issuer_chain")}, der("pck_crl"), nil
	case strings.HasSuffix(address, ".der") || strings.HasSuffix(address, ".crl"):
		return nil, der("root_ca_crl"), nil
	}
	return nil, nil, errors.New("not given: " + address)
}

func judgeTdx(evidence []byte, at time.Time, collateral service) error {
	return tdx.RawTdxQuote(evidence, &tdx.Options{CheckRevocations: true, GetCollateral: true, Getter: collateral, Now: at})
}

func judgeSnp(evidence []byte, at time.Time, certificate []byte, product string) error {
	report, err := abi.ReportToProto(evidence)
	if err != nil {
		return err
	}
	info, err := abi.ParseSignerInfo(report.GetSignerInfo())
	if err != nil {
		return err
	}
	chain := &spb.CertificateChain{}
	if info.SigningKey == abi.VlekReportSigner {
		chain.VlekCert = certificate
	} else {
		chain.VcekCert = certificate
	}
	options := &sev.Options{Now: at, DisableCertFetching: true}
	if report.GetVersion() < 3 {
		options.Product, err = kds.ParseProductName(product, info.SigningKey)
		if err != nil {
			return err
		}
	}
	return sev.SnpAttestation(&spb.Attestation{Report: report, CertificateChain: chain, Product: options.Product}, options)
}

func judge(one testCase) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v", fault)
		}
	}()
	evidence, err := base64.StdEncoding.DecodeString(one.Evidence)
	if err != nil {
		return err
	}
	at := time.Unix(one.At, 0).UTC()
	if one.Tee == "tdx" {
		return judgeTdx(evidence, at, one.Collateral)
	}
	certificate, err := base64.StdEncoding.DecodeString(one.Certificate)
	if err != nil {
		return err
	}
	return judgeSnp(evidence, at, certificate, one.Product)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var one testCase
		err := json.Unmarshal(lines.Bytes(), &one)
		if err == nil {
			err = judge(one)
		}
		given := answer{Accepted: err == nil}
		if err != nil {
			given.Reason = err.Error()
		}
		if out.Encode(given) != nil {
			return
		}
	}
}
